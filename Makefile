# The commands of this project. `make help` lists them.

CARGO ?= cargo
export QUICKSTART_DIR ?= $(CURDIR)/.polyaxon/quickstart

.DEFAULT_GOAL := help
.PHONY: help quickstart quickstart-down pod-image test sim e2e soak bench bench-cluster fuzz fmt lint deny e2e-cluster charts cluster-up cluster-down cluster-test

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: ## Build everything, start a local platform and run a first image build
	@deploy/testbed/quickstart.sh

quickstart-down: ## Stop what `make quickstart` started (its data stays)
	@deploy/testbed/quickstart.sh down

pod-image: ## Pack the image of init steps and sidecar, beside the programs
	@deploy/testbed/install.sh build images
	@deploy/images/pack-pod.sh

test: ## Run every test, one summary line at the end
	@deploy/testbed/test.sh

sim: ## Simulate SEEDS histories of hub and agents under faults, from FIRST_SEED on
	@$(CARGO) run --quiet --locked --profile ci -p polyaxon-simulation -- --seeds $(or $(SEEDS),10000) --first-seed $(or $(FIRST_SEED),0)

e2e: ## Run only the end-to-end tests, or those whose names contain FILTER
	@deploy/testbed/test.sh e2e $(FILTER)

e2e-cluster: ## Run the end-to-end tests on a Kubernetes of their own, or on that of KUBECONFIG, see CONTRIBUTING
	@deploy/testbed/test.sh cluster $(FILTER)

cluster-up: ## Start a Kubernetes of one node with two registries, and print its variables
	@deploy/testbed/cluster.sh up

cluster-down: ## End what `make cluster-up` started (its registries' images stay)
	@deploy/testbed/cluster.sh down

cluster-test: ## Test that Kubernetes itself, and that nothing of it is left (none may be up)
	@deploy/testbed/cluster-test.sh

charts: ## Test the Helm charts and the Kustomize bases (builds Helm once)
	@deploy/testbed/charts-test.sh

soak: ## Kill hub and agent for SOAK_MINUTES, or POLYAXON_KILLS times, and take the hub away, while builds run; print what was lost
	@deploy/testbed/soak.sh

bench: ## Run the benchmarks and print their table; those on a cluster where one is up, or as root
	@$(CARGO) run --quiet --locked -p xtask -- bench

bench-cluster: ## Run only those on a cluster, with 10000 or POLYAXON_BENCH_RUNS live runs
	@$(CARGO) run --quiet --locked -p xtask -- bench --cluster

fuzz: ## Fuzz one TARGET of the specification for so many SECONDS; without one, name the targets
	@fuzz/run.sh $(TARGET) $(SECONDS)

fmt: ## Format the code
	@$(CARGO) fmt --all

lint: ## Check formatting and lints, of scripts too
	@command -v shellcheck >/dev/null || { echo "lint: \`shellcheck\` is missing: deploy/testbed/install.sh lint" >&2; exit 1; }
	@shellcheck --external-sources .ci/run fuzz/run.sh deploy/images/*.sh deploy/kustomize/*.sh deploy/testbed/*.sh deploy/testbed/test-summary
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets --features polyaxon-agent/cluster-tests --locked -- --deny warnings

deny: ## Check licences, sources and banned crates of all dependencies
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo "deny: \`cargo-deny\` is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	@$(CARGO) deny --locked --log-level error check bans licenses sources
