# The studies of the sandbox: sweeps with common random numbers, tables with intervals under docs/results.
$(B)/tools/study: $(B)/tools/study.o $(LIBRARIES)
	@echo "link  $@"; $(CC) $(LDFLAGS) -o $@ $(B)/tools/study.o -Wl,--start-group $(LIBRARIES) -Wl,--end-group $(LIBS)

study: ## run the sandbox's studies (about a quarter of an hour) and write docs/results (STUDY="1 2": some of them)
	@tools/setup.sh build
	@$(MAKE) --no-print-directory -j$$(nproc) all $(B)/tools/study
	@tools/study.sh $(B) $(STUDY)

.PHONY: study
