# The system test of the gateway's HTTP engine speaks to llmdouble.
$(B)/tests/system/gateway_http: $(B)/libdouble.a $(B)/tests/support/llmdouble/llmdouble
