# Tests. `make test` is the whole; `tools/test.sh STAGE` one stage of it.
threaded := tests/unit/world/test_store tests/unit/world/test_world tests/unit/bus/test_local
threaded_here = $(foreach t,$(threaded),$(if $(wildcard $(t).c),$(t)))

system_programs := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/system/*.c)))
tests: $(unit_programs) $(system_programs) ## build all test programs of this variant
tests-threaded: $(addprefix $(B)/,$(threaded_here))
print-threaded:
	@echo $(threaded_here)

setup: ## install missing Debian packages (as root or by sudo; else prints the line to type)
	@tools/setup.sh $(or $(SETUP),test)

test: ## set up, then all tests (SAN=address,undefined: those that make sense under sanitizers)
	@tools/setup.sh test
	@MAKE=$(MAKE) tools/test.sh $(STAGES)

test-golden: ## golden cases alone, from the folder named by POLIS_VECTORS
	@$(MAKE) --no-print-directory tests >/dev/null && MAKE=$(MAKE) tools/test.sh golden

check: ## quick: unit and golden tests of the release build
	@MAKE=$(MAKE) tools/test.sh unit golden

tidy: ## layers, line lengths, function lengths, unfinished words
	@MAKE=$(MAKE) tools/test.sh tidy

format: ## rewrite the sources' layout with clang-format
	@clang-format -i $$(git ls-files '*.c' '*.h')

run: ## set up, build, run SCENARIO (default baseline) on a local cluster and print its results
	@tools/setup.sh build
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@tools/run.sh $(SCENARIO) $(ARGS)

install: all ## copy the program, its scenarios, manual and completion below PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/polis/scenarios $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(B)/polis $(DESTDIR)$(PREFIX)/bin/polis
	install -m 644 configs/scenarios/*.yaml $(DESTDIR)$(PREFIX)/share/polis/scenarios/
	install -d $(DESTDIR)$(PREFIX)/share/polis/sweeps
	install -m 644 configs/sweeps/*.yaml $(DESTDIR)$(PREFIX)/share/polis/sweeps/
	install -d $(DESTDIR)$(PREFIX)/share/polis/prompts
	for f in configs/prompts/*.md; do [ ! -f "$$f" ] || install -m 644 "$$f" $(DESTDIR)$(PREFIX)/share/polis/prompts/; done
	$(B)/polis help --man >$(DESTDIR)$(PREFIX)/share/man/man1/polis.1
	$(B)/polis help --completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/polis

uninstall: ## remove what install copied
	rm -f $(DESTDIR)$(PREFIX)/bin/polis $(DESTDIR)$(PREFIX)/share/man/man1/polis.1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/polis
	rm -rf $(DESTDIR)$(PREFIX)/share/polis

.PHONY: tests tests-threaded print-threaded setup test test-golden check tidy format run install uninstall

fuzz-replay-build: $(addprefix $(B)/tests/fuzz/,$(fuzz_targets))
.PHONY: fuzz-replay-build
