# The seeded simulator is a small library of its own, for the programs that run whole clusters in one process.
sim_objects := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/sim/*.c)))
$(B)/libsim.a: $(sim_objects)
	@mkdir -p $(@D); rm -f $@; ar rcs $@ $^
$(B)/tests/property/test_sim $(B)/tests/unit/world/test_world: $(B)/libsim.a
