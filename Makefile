# Every verb a person needs. Each installs what it lacks (see scripts/install-dependencies.sh) and may be run twice.
.PHONY: build run test torture simulate fuzz sanitize bench bench-quick bench-scale bench-gate format check proto clean erp-up erp-down erp-reset

build: ## .build/release/availability-server and .build/release/avail
	@scripts/build.sh

run: build ## the server with the sample catalogue on 127.0.0.1:50051, and a first answer
	@scripts/run.sh

test: ## every test
	@scripts/test.sh

torture: build ## the long forms of the faults, which `make test` has in short; minutes
	@scripts/torture.sh

simulate: ## made-up worlds against a plain model for SIMULATE_SECONDS (600), and the planted bugs
	@scripts/simulate.sh

fuzz: ## every parser of outside bytes on made-up inputs, FUZZ_SECONDS (600) each
	@scripts/fuzz.sh

sanitize: build ## the server's tests under the thread and the address sanitizer
	@scripts/sanitize.sh

bench: build ## the benchmarks; prints one table as Markdown (half an hour; BENCH="--rounds 7 --only ours" for less)
	@scripts/install-dependencies.sh --tests
	@python3 Benchmarks/run.py $(BENCH)
	@python3 Benchmarks/reservations.py $(RESERVATIONS)

bench-quick: build ## the same in a few minutes, too short to be quoted
	@scripts/install-dependencies.sh --tests
	@python3 Benchmarks/run.py --quick $(BENCH)
	@python3 Benchmarks/reservations.py --quick $(RESERVATIONS)

bench-scale: build ## 10 thousand, 1 million and 10 million positions (imports 10 million: minutes, 8 GB)
	@python3 Benchmarks/scale.py $(BENCH)

bench-gate: build ## instructions and allocations per request against Benchmarks/gate.json; runs in CI
	@python3 Benchmarks/gate.py

erp-up: ## a seeded Tryton on 127.0.0.1:8600, on a PostgreSQL of its own; state in .erp
	@scripts/erp-up.sh

erp-down: ## stops it; its data stays
	@scripts/erp-down.sh

erp-reset: ## puts its stock back as it was seeded
	@scripts/erp-reset.sh

format: ## formats the Swift sources in place
	@scripts/format.sh

check: ## the format and tidy checks that CI runs
	@scripts/format.sh --check
	@python3 scripts/tidy.py

proto: ## regenerates the Swift code of the protos
	@scripts/generate-proto.sh

clean: ## removes what was built, never data
	@rm -rf .build .build-protoc .venv .venv-erp
