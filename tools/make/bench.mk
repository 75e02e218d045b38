# Benches. `make bench` builds them with the release variant and runs all of them, a few minutes on an idle machine;
# B_ONLY="engine log" runs some, B_ARGS=--json prints JSON. Nothing is asserted about time: a missed bar is a line.

bench_names    := codec log broker engine failure sandbox gateway_http gateway
B_ONLY         ?= $(bench_names)
B_ARGS         ?=
bench_helpers  := $(patsubst %.c,$(B)/%.o,$(addprefix bench/,measure.c fleet.c usage.c http_server.c http_load.c questions.c asking.c actor_drive.c))
bench_programs := $(addprefix $(B)/bench/,$(bench_names))

$(B)/libbench.a: $(bench_helpers)
	@mkdir -p $(@D); rm -f $@; ar rcs $@ $^
$(bench_programs): $(B)/libbench.a

bench-programs: $(bench_programs)

bench: ## measure speed against the bars (B_ONLY="engine log": some; B_ARGS=--json, --quick, --realtime)
	@$(MAKE) --no-print-directory $(addprefix $(B)/bench/,$(B_ONLY))
	@for b in $(B_ONLY); do $(B)/bench/$$b --folder $(B)/bench-run $(B_ARGS) || exit 1; done

.PHONY: bench bench-programs
# It runs the program itself.
$(B)/bench/sandbox: $(B)/polis
