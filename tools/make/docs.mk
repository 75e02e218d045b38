# Documents that are put together from the program: docs/protocol.md with its schema, docs/model.md from docs/model.in.md.
# Tests compare them with what the program would write; `make docs` writes them anew.
documents := $(B)/tests/unit/proto/test_messages $(B)/tests/unit/control/test_document

docs: $(documents) ## write docs/protocol.md, tests/golden/schema.json and docs/model.md anew from the program
	@for d in $(documents); do POLIS_GOLDEN_UPDATE=1 CMOCKA_MESSAGE_OUTPUT=STDOUT $$d >/dev/null 2>&1 || { $$d; exit 1; }; done

.PHONY: docs
