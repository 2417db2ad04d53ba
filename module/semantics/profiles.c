// SPDX-License-Identifier: GPL-2.0
/* The semantics that a namespace may be switched to. */
#include "semantics.h"

const struct sem_profile * const sem_profiles[SEM_PROFILES] = {
	&sem_pre39, &sem_bsd, &sem_freebsd15, &sem_openbsd, &sem_netbsd, &sem_darwin,
};

/**
 * sem_profile_named() - find a profile
 * @name: its name
 *
 * Context: any.
 * Return: the profile, NULL if none that can be in force has that name.
 */
const struct sem_profile *sem_profile_named(const char *name)
{
	int i;

	for (i = 0; i < SEM_PROFILES; i++) {
		if (!strcmp(name, sem_profiles[i]->name))
			return sem_profiles[i];
	}
	return NULL;
}
