/* The sandbox: what a process that meets the network gives up before it does (landlock, Linux 5.13 and later; seccomp).
 */
#ifndef RENKEI_NODE_SANDBOX_H
#define RENKEI_NODE_SANDBOX_H

#include "base/err.h"

/* From now on this process, its threads to come and its children cannot open anything under `folder` for reading, nor
 * trace a process outside the sandbox (so not the signer, which must have been started before). What already exists
 * elsewhere stays readable; what others create later beside an ancestor of `folder` may not be: take such files as
 * descriptors. ERR_UNSUPPORTED where the kernel has no landlock. */
MUST_CHECK enum err sandbox_forbid(const char *folder, struct diag *d);

/* From now on no thread of this process can start a program, trace or read another process, change namespaces, mounts
 * or the kernel (seccomp: such calls fail with EPERM). For good, and for children too. ERR_UNSUPPORTED where the kernel
 * or the processor has none of that. */
MUST_CHECK enum err sandbox_seal(struct diag *d);

#endif
