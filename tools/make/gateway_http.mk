# The system tests of the gateway speak to llmdouble.
gateway_system := $(addprefix $(B)/tests/system/,gateway_http gateway_faults gateway_streams gateway_replay gateway_secrets)
$(gateway_system): $(B)/libdouble.a $(B)/tests/support/llmdouble/llmdouble
