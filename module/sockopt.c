// SPDX-License-Identifier: GPL-2.0
/* SO_REUSEPORT where the semantics do not know it. */
#include "hook.h"
#include "netns.h"
#include "sockopt.h"

/**
 * reuse_sockopt_hidden() - is this an option that the namespace has not got?
 * @sk: whose; before 6.0 a struct socket
 * @optname: at level SOL_SOCKET
 *
 * Context: any, from the hook of the option calls.
 * Return: true if the call is to be answered by us.
 */
bool reuse_sockopt_hidden(reuse_sockopt_sk_t *sk, int optname)
{
	const struct sem_profile *profile;

	if (optname != SO_REUSEPORT)
		return false;
	profile = reuse_net_profile(reuse_sockopt_net(sk));
	return profile && profile->no_reuseport;
}

/**
 * reuse_setsockopt() - setsockopt() of an option that is not there
 * @sk: not looked at
 * @level: SOL_SOCKET
 * @optname: SO_REUSEPORT
 * @optval: must be readable
 * @optlen: must be that of an int at least
 *
 * The front of sock_setsockopt() of Linux 3.8.
 *
 * Context: process context.
 * Return: -EINVAL, -EFAULT or -ENOPROTOOPT.
 */
int reuse_setsockopt(reuse_sockopt_sk_t *sk, int level, int optname,
		     sockptr_t optval, unsigned int optlen)
{
	int idx = reuse_hook_enter();
	int err = -ENOPROTOOPT;
	int val;

	if (optlen < sizeof(val))
		err = -EINVAL;
	else if (copy_from_sockptr(&val, optval, sizeof(val)))
		err = -EFAULT;
	reuse_hook_leave(idx);
	return err;
}

/**
 * reuse_getsockopt() - getsockopt() of an option that is not there
 * @sk: not looked at
 * @level: SOL_SOCKET
 * @optname: SO_REUSEPORT
 * @optval: not looked at
 * @optlen: must be readable and not negative
 *
 * The front of sock_getsockopt() of Linux 3.8.
 *
 * Context: process context.
 * Return: -EFAULT, -EINVAL or -ENOPROTOOPT.
 */
int reuse_getsockopt(reuse_sockopt_sk_t *sk, int level, int optname,
		     reuse_getsockopt_ptr_t optval, reuse_getsockopt_len_t optlen)
{
	int idx = reuse_hook_enter();
	int err = -ENOPROTOOPT;
	int len;

	if (reuse_sockopt_read_len(&len, optlen))
		err = -EFAULT;
	else if (len < 0)
		err = -EINVAL;
	reuse_hook_leave(idx);
	return err;
}
