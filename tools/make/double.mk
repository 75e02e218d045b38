# llmdouble stands in for language model providers. A library, so that tests and other programs can call double_main();
# and a program.
double_program := $(B)/tests/support/llmdouble/llmdouble
double_objects := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/support/llmdouble/double*.c)))
$(B)/libdouble.a: $(double_objects)
	@mkdir -p $(@D); rm -f $@; ar rcs $@ $^
$(double_program): $(B)/tests/support/llmdouble/main.o $(B)/libdouble.a $(call lib_of,core)
	@mkdir -p $(@D); echo "link  $@"; $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lyaml -lsodium -lxxhash -lm
# Its tests speak to the program, and call the library.
$(B)/tests/unit/support/test_double: $(B)/libdouble.a
$(B)/tests/system/llmdouble: $(B)/libdouble.a $(double_program)

llmdouble: $(double_program) ## build the stand-in for language model providers
.PHONY: llmdouble
