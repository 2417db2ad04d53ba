# SPDX-License-Identifier: GPL-2.0
#
# What a person types; "make help" lists it. The build itself is in Kbuild,
# which the kernel's build system prefers to this file.

RELEASE ?= $(shell uname -r)
KDIR ?= /lib/modules/$(RELEASE)/build
prefix ?= /usr/local
bindir ?= $(prefix)/bin
mandir ?= $(prefix)/share/man
completionsdir ?= $(prefix)/share/bash-completion/completions
KERNEL ?= 6.12
export KERNELS

# scripts/install takes these from here, and no other script does
install uninstall: export KDIR := $(KDIR)
install uninstall: export RELEASE := $(RELEASE)
install uninstall: export DESTDIR := $(DESTDIR)
install uninstall: export INSTALL_MOD_PATH := $(INSTALL_MOD_PATH)
install uninstall: export bindir := $(bindir)
install uninstall: export mandir := $(mandir)
install uninstall: export completionsdir := $(completionsdir)

# A module for a kernel that clang built is built by clang, too
clang = $(shell grep -qsx CONFIG_CC_IS_CLANG=y $(KDIR)/include/config/auto.conf && echo LLVM=1)

all: tree headers
	+$(MAKE) -C $(KDIR) M="$(CURDIR)" $(if $(LLVM),,$(clang)) modules

# kbuild takes a path apart at some characters, and writes beside the sources.
tree:
	@here=$$(pwd -P); why=; \
	case $$here in *[[:space:]:%\#\$$\'\"\\]*) \
		why="kbuild cannot build in a path with a blank, a quote or one of : % # $$ \\" ;; \
	esac; \
	[ -w . ] && [ -w module ] || why="this tree cannot be written to"; \
	[ -z "$$why" ] || { \
		printf '%s\n' "$$why: build in a copy, cp -r '$$here' /tmp/reuse && make -C /tmp/reuse" >&2; \
		exit 1; }

headers:
	@test -e "$(KDIR)/Makefile" || { \
		echo "no kernel headers at $(KDIR):" \
			"apt-get install linux-headers-$(RELEASE), or make KDIR=/path/to/headers" >&2; \
		exit 1; }

install: tree headers
	@scripts/install --check
	+$(MAKE) all
	+@scripts/install --install

uninstall:
	@scripts/install --uninstall

# reuse(8), which lists who holds a port: module/tool/reuse
tool:
	+$(MAKE) -s -C module/tool

load: all
	insmod reuse.ko

unload:
	rmmod reuse

demo:
	scripts/demo $(KERNEL)

check:
	scripts/check

unit:
	scripts/unit

debug_kernels = $(foreach f,debug kcsan,$(addsuffix -$f,$(or $(KERNELS),6.12 7.3)))

check-debug:
	rc=0; scripts/check $(debug_kernels) || rc=1; \
	REUSE_CPUS=4 JOBS=1 scripts/check $(debug_kernels) -- stress unload race deliver_storm || rc=1; \
	exit $$rc

check-all:
	scripts/check --all

check-rt:
	scripts/check $(addsuffix -rt,$(or $(KERNELS),6.1 7.3))

# check-dkms, check-install, check-vm ...
check-%: scripts/check-%
	$<

coverage:
	scripts/coverage

dist:
	scripts/dist

deb:
	scripts/deb

style:
	scripts/style

bench:
	scripts/bench

clean:
	rm -rf *.o *.ko *.mod *.mod.c .*.cmd .*.o.d .tmp_* modules.order Module.symvers .module-common.o
	find module \( -name '*.o' -o -name '.*.cmd' -o -name '.*.d' \) -delete
	rm -f module/tool/reuse
	$(MAKE) -C selftests OUTPUT=../selftests clean

help:
	@echo 'make                  build reuse.ko for the running kernel (KDIR=headers: for those)'
	@echo 'make tool             build the program reuse(8) as module/tool/reuse'
	@echo 'make install          ... both into /lib/modules and /usr/local, and the man pages; uninstall'
	@echo '                      takes them away'
	@echo 'make load, unload     insmod and rmmod'
	@echo 'make demo             boot a VM and show it all (KERNEL=7.3: on that kernel)'
	@echo 'make check            all tests on all kernels, long ones on one (KERNELS="6.1 7.3" narrows)'
	@echo 'make check-all        ... long ones on all kernels, too'
	@echo 'make unit             recorded answers through the profiles (part of check)'
	@echo 'make check-probes     what the build finds out from headers, without a kernel (part of check)'
	@echo 'make check-tool       reuse(8) over recorded files, with sanitizers (part of check)'
	@echo 'make check-debug      all tests on kernels that look for bugs: KASAN, lockdep, kmemleak, KCSAN'
	@echo 'make check-rt         all tests on the PREEMPT_RT kernels 6.1 and 7.3'
	@echo 'make check-arm64      all tests on kernels for arm64, in an emulated machine'
	@echo 'make check-configs    tests on small kernels without IPv6, ftrace ..., or built by clang'
	@echo 'make check-next       tests on the newest kernels of Debian sid and experimental'
	@echo 'make check-programs   nginx, avahi, postgres ... that do not start, and the tests of libuv'
	@echo 'make check-long       the random tests for long, on all kernels; prints seeds to repeat them with'
	@echo 'make coverage         which lines of the module the tests reach'
	@echo 'make check-dkms       DKMS and packages on three Debian suites (part of check)'
	@echo 'make check-install    make install and its kin where something is missing (part of check)'
	@echo 'make check-fresh      the demo and all tests in minimal roots of Debian 12 and 13, with git and make'
	@echo 'make style            checkpatch, sparse, W=1, shellcheck, man pages (part of check)'
	@echo 'make deb              Debian packages reuse-dkms and reuse-tools'
	@echo 'make dist             reuse-VERSION.tar.gz of the last commit'
	@echo 'make bench            instructions for each read, bind() and packet, as tables'
	@echo 'make clean            remove what was built here'

.PHONY: all tree headers tool install uninstall load unload demo check unit check-debug check-all check-rt coverage dist deb style bench clean help
