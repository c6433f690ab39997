"""A real Tryton as a process: started and reset by the scripts, asked for its figures, killed and started again.

As a fixture, once for all tests of a run:

    @pytest.fixture(scope="session")
    def erp():
        with Tryton() as erp:
            yield erp
"""
import base64
import json
import os
import pathlib
import signal
import subprocess
import urllib.request

from . import PATIENCE, ROOT, free_port

# The first start installs PostgreSQL and Tryton and makes the template.
INSTALLATION_PATIENCE = 900


class Tryton:
    """One ERP in a folder of the tests' own, on free ports. What was made there serves the next run."""

    # What the server's configuration calls things by.
    company = "Distributor"
    customer = "RESERVATIONS"
    warehouses = {"WH1": "WH1", "WH2": "WH2"}
    # What each of SKU-000001 to SKU-000050 has.
    stock = {"WH1": 100, "WH2": 40}

    def __init__(self, directory=None):
        self.directory = pathlib.Path(directory or os.environ.get("ERP_DIRECTORY") or ROOT / ".erp" / "tests")
        self.port = free_port()
        self.database = "tryton"
        self.user = "availability"
        self.url = f"http://127.0.0.1:{self.port}"
        self.password_file = self.directory / "availability.password"
        self._environment = {**os.environ, "ERP_DIRECTORY": str(self.directory), "ERP_PORT": str(self.port),
                             "ERP_POSTGRES_PORT": str(free_port()), "ERP_DATABASE": self.database}
        self._authorization = None

    def __enter__(self):
        # Whatever an earlier run left behind listens elsewhere.
        self._script("erp-down.sh")
        self._script("erp-up.sh", INSTALLATION_PATIENCE)
        self.reset()
        return self

    def __exit__(self, *_):
        self._script("erp-down.sh")

    def _script(self, name, patience=PATIENCE):
        done = subprocess.run([ROOT / "scripts" / name], env=self._environment, text=True, capture_output=True,
                              timeout=patience)
        assert done.returncode == 0, f"{name}: {done.stderr}"

    def reset(self):
        """As it was seeded: no shipments, the stock of `stock`."""
        self._authorization = None
        self._script("erp-reset.sh")

    def start(self):
        """After `kill`. A kill may be found out only by this."""
        self._authorization = None
        self._script("erp-up.sh")

    def signal(self, number):
        os.kill(int((self.directory / "trytond.pid").read_text()), number)

    def kill(self):
        """kill -9 of trytond; its database goes on."""
        self.signal(signal.SIGKILL)

    def restart(self):
        self.kill()
        self.start()

    def stall(self):
        """It takes connections and answers nothing until `resume`."""
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    # What is there.

    def quantity(self, sku, warehouse="WH1", assigned=False):
        """Units in a warehouse; with `assigned`, less what is assigned to shipments."""
        location, = self.call("model.stock.location.search", [["code", "=", warehouse]], 0, None, None)
        product, = self.call("model.product.product.search_read", [["code", "=", sku]], 0, None, None, ["quantity"],
                             context={"locations": [location], "stock_assign": assigned})
        return product["quantity"]

    def assigned(self, sku, warehouse="WH1"):
        """Units that are assigned to shipments."""
        return self.quantity(sku, warehouse) - self.quantity(sku, warehouse, assigned=True)

    def shipments(self, reservation):
        """What Tryton has of a reservation: a shipment for each line, under the reservation's id, a slash and the
        line's id. Cancelled ones as well."""
        return self.call("model.stock.shipment.out.search_read", [["reference", "like", f"{reservation}/%"]], 0, None,
                         [["id", "ASC"]], ["reference", "number", "state"])

    # What people there do.

    def do(self, reservation, *methods):
        """The clerk does something with a reservation's shipments: `cancel`, `wait`, `pick`, `pack`, `ship`, `do`."""
        ids = [shipment["id"] for shipment in self.shipments(reservation) if shipment["state"] != "cancelled"]
        for method in methods:
            self.call(f"model.stock.shipment.out.{method}", ids)

    def ship(self, reservation):
        self.do(reservation, "pick", "pack", "ship", "do")

    def cancel(self, reservation):
        self.do(reservation, "cancel")

    def draft_move(self, sku, quantity, to="WH1", origin=None):
        """The clerk plans to move units to a warehouse's storage: from another's, or found. Returns the move's id."""
        def storage(warehouse):
            location, = self.call("model.stock.location.search_read", [["code", "=", warehouse]], 0, None, None,
                                  ["storage_location"])
            return location["storage_location"]

        found, *_ = self.call("model.stock.location.search", [["type", "=", "lost_found"]], 0, None, None)
        product, = self.call("model.product.product.search_read", [["code", "=", sku]], 0, None, None, ["default_uom"])
        move, = self.call("model.stock.move.create", [{
            "product": product["id"], "unit": product["default_uom"], "quantity": quantity, "company": 1,
            "from_location": storage(origin) if origin else found, "to_location": storage(to)}])
        return move

    def move(self, sku, quantity, to="WH1", origin=None):
        """As `draft_move`, and does it, in one transaction."""
        move = self.draft_move(sku, quantity, to, origin)
        if origin:
            # People do that by shipments. Without a time, so that it is no change of its own.
            assert self.transaction(f"UPDATE stock_move SET state = 'assigned' WHERE id = {move}").wait() == 0
        self.call("model.stock.move.do", [move])

    def transaction(self, *statements):
        """A transaction of the database, which begins at once, does the statements and commits; the process."""
        password = (self.directory / "postgres.password").read_text().strip()
        command = ["psql", "-q", "-h", "127.0.0.1", "-p", self._environment["ERP_POSTGRES_PORT"], "-U", "tryton", "-d",
                   self.database, "-v", "ON_ERROR_STOP=1", "--single-transaction"]
        for statement in statements:
            command += ["-c", statement]
        return subprocess.Popen(command, env={**self._environment, "PGPASSWORD": password}, stdout=subprocess.DEVNULL)

    def is_running(self, statement):
        """Whether a connection of the database is at that statement."""
        check = ("DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                 f" AND state = 'active' AND query = '{statement}') THEN RAISE 'not yet'; END IF; END $$")
        return self.transaction(check).wait() == 0

    def call(self, method, *arguments, context=None):
        """A method of Tryton's, as the clerk."""
        if self._authorization is None:
            password = (self.directory / "clerk.password").read_text().strip()
            user, token, *_ = self._post("common.db.login", ["clerk", {"password": password}, "en"])
            credentials = base64.b64encode(f"clerk:{user}:{token}".encode()).decode()
            self._authorization = f"Session {credentials}"
        return self._post(method, [*arguments, {"company": 1, **(context or {})}])

    def _post(self, method, params):
        headers = {"Content-Type": "application/json"}
        if self._authorization:
            headers["Authorization"] = self._authorization
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(f"{self.url}/{self.database}/rpc/", body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            answer = json.load(response)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]
