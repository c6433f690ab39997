"""Fills an empty Tryton database with what the availability server's tests and trials need.

    seed.py CONFIGURATION DATABASE DIRECTORY

A company, a customer with an address, the warehouses WH1 and WH2, the products SKU-000001 to SKU-000050 with 100 of
each in WH1 and 40 in WH2, and two users whose passwords lie in DIRECTORY: `availability`, which the server is, and
`clerk`, who stands for the people of the warehouse.
"""
import datetime
import pathlib
import sys
from decimal import Decimal

from trytond import config

configuration, database, directory = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
config.update_etc(configuration)

from trytond.pool import Pool  # noqa: E402  (reads the configuration when imported)
from trytond.transaction import Transaction  # noqa: E402

PRODUCTS = 50
STOCK = {"WH1": 100, "WH2": 40}


def make_company(get):
    party, = get("party.party").create([{"name": "Distributor"}])
    currency, = get("currency.currency").create([{
        "name": "Euro", "symbol": "€", "code": "EUR", "numeric_code": "978", "digits": 2,
        "rounding": Decimal("0.01")}])
    company, = get("company.company").create([{"party": party.id, "currency": currency.id}])
    return company


def make_users(get, company):
    group, = get("res.group").search([("name", "=", "Stock")])
    Users = get("res.user")
    for login, name in [("availability", "Availability server"), ("clerk", "Warehouse clerk")]:
        password = (directory / f"{login}.password").read_text().strip()
        Users.create([{
            "name": name, "login": login, "password": password, "groups": [("add", [group.id])],
            "companies": [("add", [company.id])], "company": company.id}])
    Users.write(Users.search([("login", "=", "admin")]), {
        "companies": [("add", [company.id])], "company": company.id})


def make_customer(get):
    get("party.party").create([{
        "name": "Reservations", "code": "RESERVATIONS",
        "addresses": [("create", [{"street": "1 Example Street", "city": "Exampleville"}])]}])


def make_warehouses(get):
    """WH1 is the warehouse that the module brings, renamed."""
    Location = get("stock.location")
    first, = Location.search([("type", "=", "warehouse")])
    Location.write([first], {"name": "Warehouse 1", "code": "WH1"})
    lost, storage, output = Location.create([
        {"name": "Lost and Found 2", "code": "LOST2", "type": "lost_found"},
        {"name": "Storage 2", "code": "STO2", "type": "storage"},
        {"name": "Output 2", "code": "OUT2", "type": "storage"}])
    second, = Location.create([{
        "name": "Warehouse 2", "code": "WH2", "type": "warehouse", "input_location": storage.id,
        "storage_location": storage.id, "output_location": output.id, "lost_found_location": lost.id}])
    Location.write([storage, output], {"parent": second.id})
    return [first, second]


def make_products(get):
    unit, = get("product.uom").search([("name", "=", "Unit")])
    codes = [f"SKU-{number:06}" for number in range(1, PRODUCTS + 1)]
    get("product.template").create([{
        "name": f"Product {code}", "code": code, "type": "goods", "default_uom": unit.id,
        "list_price": Decimal("10"), "products": [("create", [{}])]} for code in codes])
    return get("product.product").search([("code", "in", codes)])


def make_stock(get, company, warehouses, products):
    Inventory = get("stock.inventory")
    inventories = Inventory.create([{
        "location": warehouse.storage_location.id, "company": company.id, "date": datetime.date.today(),
        "lines": [("create", [{"product": product.id, "quantity": STOCK[warehouse.code]} for product in products])]}
        for warehouse in warehouses])
    Inventory.confirm(inventories)


def main():
    Pool.start()
    pool = Pool(database)
    pool.init()
    with Transaction().start(database, 0) as transaction:
        company = make_company(pool.get)
        with transaction.set_context(company=company.id):
            make_users(pool.get, company)
            make_customer(pool.get)
            make_stock(pool.get, company, make_warehouses(pool.get), make_products(pool.get))
        transaction.commit()


main()
