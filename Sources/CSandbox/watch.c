#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

// Landlock refuses; this only sees. A call that names a file is reported to the launcher, which looks
// at the name and lets the kernel go on: what it reads from the program's memory may be another name by
// the time the kernel reads it, so nothing may be decided here that has to hold against a hostile
// program. What is refused here is the making of sockets, whose family is in a register, and, as a
// precaution and no more, the calling of services.

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const int watched[] = {
#ifdef __NR_open
    __NR_open, __NR_creat, __NR_unlink, __NR_rename, __NR_mkdir, __NR_rmdir,
#endif
    __NR_openat, __NR_openat2, __NR_truncate, __NR_unlinkat, __NR_renameat2, __NR_mkdirat,
#ifdef __NR_renameat
    __NR_renameat,
#endif
    __NR_execve, __NR_execveat,
};
#define WATCHED (sizeof watched / sizeof *watched)

static long install(unsigned long flags, int reports, int closesNetwork) {
#ifndef OWN_ARCHITECTURE
  errno = ENOSYS;
  return -1;
#else
  struct sock_filter code[64];
  unsigned short length = 0;
  uint32_t file = reports ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW;
  uint32_t closed = reports ? SECCOMP_RET_USER_NOTIF : (SECCOMP_RET_ERRNO | EACCES);
  uint32_t foreign = closesNetwork ? (SECCOMP_RET_ERRNO | ENOSYS) : SECCOMP_RET_ALLOW;
#define ADD(...) code[length++] = (struct sock_filter)__VA_ARGS__
  ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
  ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0));
  ADD(BPF_STMT(BPF_RET | BPF_K, foreign));
  ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
#ifdef __x86_64__
  // The x32 calls are numbered from here.
  ADD(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
  ADD(BPF_STMT(BPF_RET | BPF_K, foreign));
#endif
  for (size_t index = 0; index < WATCHED; index++) {
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)watched[index], 0, 1));
    ADD(BPF_STMT(BPF_RET | BPF_K, file));
  }
  if (closesNetwork) {
    // It would make sockets, and open files, without a call that is seen.
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_connect, 0, 1));
    ADD(BPF_STMT(BPF_RET | BPF_K, file));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 4));
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 2, 0));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0));
    ADD(BPF_STMT(BPF_RET | BPF_K, closed));
  }
  ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
#undef ADD
  struct sock_fprog program = {.len = length, .filter = code};
  return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
#endif
}

int watch_install(int closesNetwork, int *networkClosed) {
  *networkClosed = closesNetwork;
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  // Without it a program that gets many signals would repeat its calls over and over.
  long listener = install(flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 1, closesNetwork);
  if (listener < 0 && errno == EINVAL) listener = install(flags, 1, closesNetwork);
  if (listener >= 0) return (int)listener;
  // There is one already, or the kernel is too old: nothing is seen, and the network is closed still.
  if (closesNetwork && install(0, 0, 1) != 0) *networkClosed = 0;
  return -1;
}

// MARK: Answering

/// A text in the program's memory; false where it cannot be read.
static int text_of(pid_t pid, uint64_t address, char *text, size_t size) {
  size_t length = 0;
  while (length < size - 1) {
    // Not across the end of a page, behind which there may be nothing.
    size_t chunk = 4096 - (address + length) % 4096;
    if (chunk > size - 1 - length) chunk = size - 1 - length;
    struct iovec here = {text + length, chunk};
    struct iovec there = {(void *)(uintptr_t)(address + length), chunk};
    ssize_t count = process_vm_readv(pid, &here, 1, &there, 1, 0);
    if (count <= 0) return 0;
    if (memchr(text + length, 0, (size_t)count)) return 1;
    length += (size_t)count;
  }
  return 0;
}

static int begins(const char *path, const char *folder) {
  size_t length = strlen(folder);
  if (length == 1) return path[0] == '/';
  return strncmp(path, folder, length) == 0 && (path[length] == 0 || path[length] == '/');
}

static int is_allowed(const struct Request *request, const char *path, int writes, int isFolder) {
  for (size_t index = 0; index < request->ruleCount; index++) {
    const struct Rule *rule = &request->rules[index];
    if (!rule->real || (writes && !rule->isWritable)) continue;
    if (rule->isListable && !isFolder) continue;
    if (begins(path, rule->real)) return 1;
  }
  return 0;
}

static void note(struct Watch *watch, char kind, const char *path) {
  for (size_t index = 0; index < watch->denialCount; index++) {
    if (watch->denials[index].kind == kind && strcmp(watch->denials[index].path, path) == 0) return;
  }
  if (watch->denialCount == sizeof watch->denials / sizeof *watch->denials) return;
  char *copy = strdup(path);
  if (!copy) return;
  watch->denials[watch->denialCount++] = (struct Denial){kind, copy};
  tell(watch->status, ADMIX_LAUNCH_DENIED, &kind, 1, path);
}

/// Whether a call takes the last part of a name as it is, or where it leads.
enum Last { FOLLOWED, AS_IT_IS };

/// - `makes`: whether the name need not be there yet.
static void look(
    struct Watch *watch, pid_t pid, int folder, uint64_t address, char kind, int makes,
    enum Last last) {
  char name[PATH_MAX], full[2 * PATH_MAX + 1], real[PATH_MAX];
  if (!text_of(pid, address, name, sizeof name)) {
    // Some containers forbid the reading of other processes: better said than believed.
    if ((errno == EPERM || errno == ENOSYS) && watch->start.isWatched) {
      watch->start.isWatched = 0;
      tell(watch->status, ADMIX_LAUNCH_STARTED, &watch->start, sizeof watch->start, NULL);
    }
    return;
  }
  if (name[0] == 0) return;
  if (name[0] == '/') {
    snprintf(full, sizeof full, "%s", name);
  } else {
    char link[64];
    if (folder == AT_FDCWD) {
      snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
    } else {
      snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, folder);
    }
    char base[PATH_MAX];
    ssize_t length = readlink(link, base, sizeof base - 1);
    if (length <= 0 || base[0] != '/') return;
    base[length] = 0;
    snprintf(full, sizeof full, "%s/%s", base, name);
  }
  // It would be this process here.
  if (begins(full, "/proc/self") || begins(full, "/proc/thread-self")) return;
  struct stat info;
  int exists = last == FOLLOWED && realpath(full, real) != NULL;
  if (!exists) {
    if (last == FOLLOWED && (!makes || errno != ENOENT)) return;
    size_t end = strlen(full);
    while (end > 1 && full[end - 1] == '/') full[--end] = 0;
    char *slash = strrchr(full, '/');
    if (!slash || slash[1] == 0) return;
    *slash = 0;
    if (!realpath(slash == full ? "/" : full, real)) return;
    size_t length = strlen(real);
    snprintf(real + length, sizeof real - length, "%s%s", length == 1 ? "" : "/", slash + 1);
    exists = lstat(real, &info) == 0;
    if (!exists && !makes) return;
    // Making a folder that is there fails by itself.
    if (exists && makes && S_ISDIR(info.st_mode)) return;
    kind = ADMIX_DENIED_WRITE;
  } else if (stat(real, &info) != 0) {
    return;
  }
  int isFolder = exists && S_ISDIR(info.st_mode);
  if (is_allowed(watch->request, real, kind == ADMIX_DENIED_WRITE, isFolder)) return;
  if (exists && last == FOLLOWED) {
    // A folder that is written is made or removed; shells open the terminal to see whether there is one.
    int isPlain = S_ISREG(info.st_mode) || (kind == ADMIX_DENIED_WRITE && isFolder);
    if (!isPlain) kind = ADMIX_DENIED_OTHER;
  }
  note(watch, kind, real);
}

static void look_at_open(
    struct Watch *watch, pid_t pid, int folder, uint64_t address, uint64_t flags) {
  if (flags & O_PATH) return;
  int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
#ifdef O_TMPFILE
  if ((flags & O_TMPFILE) == O_TMPFILE) writes = 1;
#endif
  look(
      watch, pid, folder, address, writes ? ADMIX_DENIED_WRITE : ADMIX_DENIED_READ,
      (flags & O_CREAT) != 0, FOLLOWED);
}

/// Whether a service of the machine is called by the path of its socket, which Landlock does not control.
static int calls_service(struct Watch *watch, pid_t pid, uint64_t address, uint64_t length) {
  struct sockaddr_un name = {0};
  if (length > sizeof name) return 0;
  struct iovec here = {&name, length}, there = {(void *)(uintptr_t)address, length};
  if (process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)length) return 0;
  char real[PATH_MAX];
  // A name that begins with a zero byte is none of the file system's, and a relative one is next to the
  // program.
  if (name.sun_family != AF_UNIX || name.sun_path[0] != '/') return 0;
  name.sun_path[sizeof name.sun_path - 1] = 0;
  if (!realpath(name.sun_path, real) || is_allowed(watch->request, real, 1, 0)) return 0;
  note(watch, ADMIX_DENIED_OTHER, real);
  return 1;
}

/// Gives the error the call ends with; 0 lets the kernel go on.
static int look_at(struct Watch *watch, const struct seccomp_notif *call) {
  pid_t pid = (pid_t)call->pid;
  const uint64_t *a = (const uint64_t *)call->data.args;
  switch (call->data.nr) {
#ifdef __NR_open
  case __NR_open: look_at_open(watch, pid, AT_FDCWD, a[0], a[1]); break;
  case __NR_creat: look(watch, pid, AT_FDCWD, a[0], ADMIX_DENIED_WRITE, 1, FOLLOWED); break;
  case __NR_unlink:
  case __NR_rmdir: look(watch, pid, AT_FDCWD, a[0], ADMIX_DENIED_WRITE, 0, AS_IT_IS); break;
  case __NR_mkdir: look(watch, pid, AT_FDCWD, a[0], ADMIX_DENIED_WRITE, 1, AS_IT_IS); break;
  case __NR_rename:
    look(watch, pid, AT_FDCWD, a[0], ADMIX_DENIED_WRITE, 0, AS_IT_IS);
    look(watch, pid, AT_FDCWD, a[1], ADMIX_DENIED_WRITE, 1, AS_IT_IS);
    break;
#endif
  case __NR_openat: look_at_open(watch, pid, (int)a[0], a[1], a[2]); break;
  case __NR_openat2: {
    uint64_t flags = 0;
    struct iovec here = {&flags, sizeof flags}, there = {(void *)(uintptr_t)a[2], sizeof flags};
    if (process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)sizeof flags) {
      look_at_open(watch, pid, (int)a[0], a[1], flags);
    }
    break;
  }
  case __NR_truncate: look(watch, pid, AT_FDCWD, a[0], ADMIX_DENIED_WRITE, 0, FOLLOWED); break;
  case __NR_unlinkat: look(watch, pid, (int)a[0], a[1], ADMIX_DENIED_WRITE, 0, AS_IT_IS); break;
  case __NR_mkdirat: look(watch, pid, (int)a[0], a[1], ADMIX_DENIED_WRITE, 1, AS_IT_IS); break;
#ifdef __NR_renameat
  case __NR_renameat:
#endif
  case __NR_renameat2:
    look(watch, pid, (int)a[0], a[1], ADMIX_DENIED_WRITE, 0, AS_IT_IS);
    look(watch, pid, (int)a[2], a[3], ADMIX_DENIED_WRITE, 1, AS_IT_IS);
    break;
  case __NR_execve: look(watch, pid, AT_FDCWD, a[0], ADMIX_DENIED_EXECUTE, 0, FOLLOWED); break;
  case __NR_execveat: look(watch, pid, (int)a[0], a[1], ADMIX_DENIED_EXECUTE, 0, FOLLOWED); break;
  case __NR_connect:
    if (calls_service(watch, pid, a[1], a[2])) return EACCES;
    break;
  case __NR_socket:
    note(watch, ADMIX_DENIED_NETWORK, "");
    return EACCES;
  }
  return 0;
}

void watch_answer(struct Watch *watch) {
  static struct seccomp_notif_sizes sizes;
  static struct seccomp_notif *call;
  static struct seccomp_notif_resp *answer;
  if (!call) {
    if (syscall(__NR_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) return;
    // The kernel's structures may be longer than those known here.
    size_t callSize = sizes.seccomp_notif > sizeof *call ? sizes.seccomp_notif : sizeof *call;
    size_t answerSize =
        sizes.seccomp_notif_resp > sizeof *answer ? sizes.seccomp_notif_resp : sizeof *answer;
    call = calloc(1, callSize);
    answer = calloc(1, answerSize);
    if (!call || !answer) _exit(70);
  }
  memset(call, 0, sizes.seccomp_notif);
  if (ioctl(watch->listener, SECCOMP_IOCTL_NOTIF_RECV, call) != 0) return;
  int error = look_at(watch, call);
  memset(answer, 0, sizes.seccomp_notif_resp);
  answer->id = call->id;
  answer->error = -error;
  answer->flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
  ioctl(watch->listener, SECCOMP_IOCTL_NOTIF_SEND, answer);
}
