# Polis. Two commands do everything on a fresh Debian 12 machine: `make run` and `make test`. `make help` lists the rest.
# One non-recursive makefile: a room is a folder, its .c files become build/VARIANT/libROOM.a.

CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
PREFIX   ?= /usr/local
DESTDIR  ?=
SCENARIO ?= baseline
SAN      ?=
OPT      ?= -O2
# POLIS_MUTANT=unfenced builds the deliberately wrong variant that the kill test must catch.
MUTANT   ?=

compiler := $(notdir $(firstword $(CC)))
comma    := ,
VARIANT  ?= $(if $(SAN),$(subst $(comma),-,$(SAN))$(if $(filter gcc,$(compiler)),,-$(compiler)),$(if $(filter gcc,$(compiler)),$(if $(filter -O2,$(OPT)),release,gcc$(OPT)),$(compiler)$(if $(filter -O2,$(OPT)),,$(OPT))))$(if $(MUTANT),-$(MUTANT))
B        := build/$(VARIANT)

WARN     := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CFLAGS   ?= -g
CPPFLAGS += -I. -I$(B)/gen -D_GNU_SOURCE -DPOLIS_VARIANT='"$(VARIANT)"' $(if $(MUTANT),-DPOLIS_MUTANT_$(MUTANT)=1)
ALL_CFLAGS := -std=c17 $(OPT) $(CFLAGS) $(WARN) -ffp-contract=off -fno-fast-math -fno-strict-aliasing -fstack-protector-strong \
              -pthread $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
LDFLAGS  += -pthread $(if $(SAN),-fsanitize=$(SAN))
LIBS     := -lczmq -lzmq -lmsgpackc -llmdb -lcurl -lyaml -ljansson -lsodium -lxxhash -lzstd -lm

# Rooms from the top down: a room may use those behind it (tools/layers.txt says exactly which).
ROOMS    := control monitor llm-gateway governance agents world broker bus proto core
room_sources = $(sort $(shell find $(1) -name '*.c' -not -path '*/web/*' 2>/dev/null))
$(foreach r,$(ROOMS),$(eval sources_$(r) := $(call room_sources,$(r))))
# Open sets: make writes the roll of each from its folder.
ROLLS    := $(B)/gen/roll_policies.c $(B)/gen/roll_levers.c $(B)/gen/roll_providers.c
rolls_agents := $(B)/gen/roll_policies.o
rolls_governance := $(B)/gen/roll_levers.o
rolls_llm-gateway := $(B)/gen/roll_providers.o
$(foreach r,$(ROOMS),$(eval objects_$(r) := $(patsubst %.c,$(B)/%.o,$(sources_$(r))) $(rolls_$(r))))
lib_of    = $(B)/lib$(1).a
LIBRARIES := $(foreach r,$(ROOMS),$(call lib_of,$(r)))

.DEFAULT_GOAL := all
.SECONDARY:
.SUFFIXES:
.DELETE_ON_ERROR:

all: $(B)/polis ## build the release binary and link it as ./polis
ifeq ($(VARIANT),release)
	@ln -sf $(B)/polis polis
endif

$(B)/polis: $(B)/tools/main.o $(LIBRARIES)
	@echo "link  $@"; $(CC) $(LDFLAGS) -o $@ $(B)/tools/main.o -Wl,--start-group $(LIBRARIES) -Wl,--end-group $(LIBS)

define room_rule
$(call lib_of,$(1)): $$(objects_$(1))
	@mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

$(B)/%.o: %.c
	@mkdir -p $(@D); echo "cc    $<"; $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D); $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# roll NAME, struct, folder, header: extern declarations and one NULL-closed array, in the order of the files' names.
roll = mkdir -p $(B)/gen; { echo '/* Written by make from the files of $(3). */'; echo '\#include "$(4)"'; \
       for f in $(sort $(notdir $(basename $(wildcard $(3)/*.c)))); do echo "extern const struct $(2) $(2)_$$f;"; done; \
       echo 'const struct $(2) *const $(1)[] = {'; \
       for f in $(sort $(notdir $(basename $(wildcard $(3)/*.c)))); do echo "    &$(2)_$$f,"; done; echo '    NULL,'; echo '};'; } > $@.tmp; \
       cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@
$(B)/gen/roll_policies.c: FORCE
	@$(call roll,policy_roll,policy,agents/policies,agents/policy.h)
$(B)/gen/roll_levers.c: FORCE
	@$(call roll,lever_roll,lever,governance/levers,governance/lever.h)
$(B)/gen/roll_providers.c: FORCE
	@$(call roll,provider_roll,provider,llm-gateway/providers,llm-gateway/provider.h)
FORCE:

# ---- tests: tests/unit/ROOM/*.c link their room and those below it ----
below     = $(shell echo ' $(ROOMS) ' | sed 's/.* \($(1) \)/\1/')
unit_sources := $(sort $(shell find tests/unit tests/property tests/golden -name '*.c' 2>/dev/null))
unit_programs := $(patsubst %.c,$(B)/%,$(unit_sources))
support_objects := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/support/*.c)))
$(B)/libsupport.a: $(support_objects)
	@mkdir -p $(@D); rm -f $@; ar rcs $@ $^

define unit_rule
$(B)/tests/unit/$(1)/%: $(B)/tests/unit/$(1)/%.o $(B)/libsupport.a $(foreach r,$(call below,$(1)),$(call lib_of,$(r)))
	@mkdir -p $$(@D); echo "link  $$@"; $(CC) $(LDFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group -lcmocka $(LIBS)
endef
$(foreach r,$(ROOMS),$(eval $(call unit_rule,$(r))))
$(B)/tests/%: $(B)/tests/%.o $(B)/libsupport.a $(LIBRARIES)
	@mkdir -p $(@D); echo "link  $@"; $(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -lcmocka $(LIBS)
$(B)/bench/%: $(B)/bench/%.o $(B)/libsupport.a $(LIBRARIES)
	@mkdir -p $(@D); echo "link  $@"; $(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

include $(wildcard tools/make/*.mk)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{ printf "  make %-18s %s\n", $$1, $$2 }'

clean: ## remove build/
	rm -rf build polis

.PHONY: all help clean FORCE

-include $(shell find $(B) -name '*.d' 2>/dev/null)
