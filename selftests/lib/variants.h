/* SPDX-License-Identifier: GPL-2.0 */
/* Fixtures whose variants are the semantics: enum semantics is their first member, semantics. */
#ifndef REUSE_VARIANTS_H
#define REUSE_VARIANTS_H

#include "harness.h"

/* A variant of @fixture for each of the BSDs; what else it has is the same for all */
#define ADD_BSDS_ON(fixture, suffix, ...) \
	FIXTURE_VARIANT_ADD(fixture, bsd##suffix) { BSD, __VA_ARGS__ }; \
	FIXTURE_VARIANT_ADD(fixture, freebsd15##suffix) { FREEBSD15, __VA_ARGS__ }; \
	FIXTURE_VARIANT_ADD(fixture, openbsd##suffix) { OPENBSD, __VA_ARGS__ }; \
	FIXTURE_VARIANT_ADD(fixture, netbsd##suffix) { NETBSD, __VA_ARGS__ }; \
	FIXTURE_VARIANT_ADD(fixture, darwin##suffix) { DARWIN, __VA_ARGS__ }

/* For each of the semantics */
#define ADD_SEMANTICS_ON(fixture, suffix, ...) \
	FIXTURE_VARIANT_ADD(fixture, native##suffix) { NATIVE, __VA_ARGS__ }; \
	FIXTURE_VARIANT_ADD(fixture, pre39##suffix) { PRE39, __VA_ARGS__ }; \
	ADD_BSDS_ON(fixture, suffix, __VA_ARGS__)

/* With nothing else */
#define ADD_BSDS(fixture)	ADD_BSDS_ON(fixture, /* none */)
#define ADD_SEMANTICS(fixture)	ADD_SEMANTICS_ON(fixture, /* none */)

/* The answer of one of the BSDs; of the first, if the variant is none of them */
#define BSDS(bsd, freebsd15, openbsd, netbsd, darwin) ({ \
	const __typeof__((bsd) + 0) of[] = { bsd, freebsd15, openbsd, netbsd, darwin }; \
	of[variant->semantics < BSD ? 0 : variant->semantics - BSD]; \
})

#endif
