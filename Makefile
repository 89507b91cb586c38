# The names people type. Each is one command of the project, which --help explains.
.PHONY: install test check demo clean-logs

install:
	./install_dependencies.sh
test:
	./run_tests.sh
check:
	.ci/run
demo:
	./etl run weekly --demo
clean-logs:
	./etl purge
