# Fuzzing. `make fuzz` builds core and proto once more with clang's libFuzzer and sanitizers and runs each target
# FUZZ_RUNS times; `make fuzz-replay` feeds the checked-in corpora to the same targets built with the current variant.

FUZZ_RUNS    ?= 2000000
FUZZ_CLANG   ?= clang
fuzz_targets := $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_ONLY    ?= $(fuzz_targets)
F            := build/fuzz
fuzz_san     := address,undefined
fuzz_flags   := -std=c17 -O1 -g $(WARN) -ffp-contract=off -fno-strict-aliasing -fno-omit-frame-pointer -pthread \
                -fsanitize=fuzzer-no-link,$(fuzz_san) -fno-sanitize-recover=all
fuzz_objects := $(patsubst %.c,$(F)/%.o,$(sources_core) $(sources_proto) $(sources_llm-gateway) agents/choice.c agents/choice_answer.c) $(F)/gen/roll_providers.o
fuzz_libs    := -lmsgpackc -lyaml -ljansson -lsodium -lxxhash -lzstd -lm

$(F)/%.o: %.c
	@mkdir -p $(@D); echo "fuzz  $<"; $(FUZZ_CLANG) -I. -D_GNU_SOURCE -DPOLIS_VARIANT='"fuzz"' $(fuzz_flags) -MMD -MP -c -o $@ $<
$(F)/gen/roll_providers.o: $(B)/gen/roll_providers.c
	@mkdir -p $(@D); $(FUZZ_CLANG) -I. -D_GNU_SOURCE $(fuzz_flags) -MMD -MP -c -o $@ $<
$(F)/libhouse.a: $(fuzz_objects)
	@mkdir -p $(@D); rm -f $@; ar rcs $@ $^
$(F)/fuzz_%: $(F)/tests/fuzz/fuzz_%.o $(F)/libhouse.a
	@mkdir -p $(@D); $(FUZZ_CLANG) -pthread -fsanitize=fuzzer,$(fuzz_san) -o $@ $< $(F)/libhouse.a $(fuzz_libs)

# The seeds of fuzz_NAME are in tests/fuzz/corpus/NAME.
corpus_of     = tests/fuzz/corpus/$(patsubst fuzz_%,%,$(1))

# Finds stay in build/fuzz/corpus/NAME between runs; what breaks a target is written beside its program.
fuzz-run-%: $(F)/% FORCE
	@mkdir -p $(F)/corpus/$* $(call corpus_of,$*)
	@echo "fuzz  $* for $(FUZZ_RUNS) runs"
	@$(F)/$* -runs=$(FUZZ_RUNS) -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
	    -artifact_prefix=$(F)/$*- $(F)/corpus/$* $(call corpus_of,$*) >$(F)/$*.log 2>&1 \
	    || { tail -40 $(F)/$*.log; exit 1; }
	@grep -E 'number_of_executed_units|average_exec_per_sec' $(F)/$*.log
fuzz: $(addprefix fuzz-run-,$(FUZZ_ONLY)) ## fuzz every target of tests/fuzz for FUZZ_RUNS runs (needs clang)

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(call lib_of,agents) $(call lib_of,llm-gateway) $(call lib_of,proto) $(call lib_of,core)
	@mkdir -p $(@D); echo "link  $@"; $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(fuzz_libs)
fuzz-replay: $(addprefix $(B)/tests/fuzz/,$(fuzz_targets)) ## feed the checked-in fuzz corpora to their targets
	@for t in $(fuzz_targets); do $(B)/tests/fuzz/$$t tests/fuzz/corpus/$${t#fuzz_} || exit 1; done

# Rewrites the seeds that are made from the message and schema tables.
$(B)/tests/fuzz/seeds: $(B)/tests/fuzz/seeds.o $(call lib_of,proto) $(call lib_of,core)
	@mkdir -p $(@D); echo "link  $@"; $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(fuzz_libs)
fuzz-seeds: $(B)/tests/fuzz/seeds
	@$(B)/tests/fuzz/seeds tests/fuzz/corpus

.PHONY: fuzz fuzz-replay fuzz-seeds
-include $(shell find $(F) -name '*.d' 2>/dev/null)
