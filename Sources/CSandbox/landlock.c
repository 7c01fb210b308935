#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The numbers are the kernel's interface; the header of the machine that builds may be older than the
// kernel of the machine that runs.
#define CALL_CREATE_RULESET 444
#define CALL_ADD_RULE 445
#define CALL_RESTRICT_SELF 446
#define VERSION_FLAG 1u
#define RULE_PATH_BENEATH 1

#define EXECUTE (1ULL << 0)
#define WRITE_FILE (1ULL << 1)
#define READ_FILE (1ULL << 2)
#define READ_DIR (1ULL << 3)
#define MAKE_CHAR (1ULL << 6)
#define MAKE_BLOCK (1ULL << 11)
#define REFER (1ULL << 13)
#define TRUNCATE (1ULL << 14)
#define IOCTL_DEV (1ULL << 15)
#define NET_TCP 3ULL
#define SCOPES 3ULL

struct RulesetAttributes {
  uint64_t files;
  uint64_t network;
  uint64_t scopes;
};

struct PathRule {
  uint64_t allowed;
  int32_t parent;
} __attribute__((packed));

int32_t admix_landlock_version(void) {
  long version = syscall(CALL_CREATE_RULESET, NULL, 0, VERSION_FLAG);
  return version < 1 ? 0 : (int32_t)version;
}

int landlock_confine(const struct Request *request, int *closesTCP) {
  *closesTCP = 0;
  int version = admix_landlock_version();
  if (version == 0) return 0;
  uint64_t all = (1ULL << 13) - 1;
  if (version >= 2) all |= REFER;
  if (version >= 3) all |= TRUNCATE;
  if (version >= 5) all |= IOCTL_DEV;
  struct RulesetAttributes attributes = {.files = all};
  size_t size = 8;
  if (version >= 4) {
    size = 16;
    if (!(request->limits.flags & ADMIX_LAUNCH_NETWORK)) {
      attributes.network = NET_TCP;
      *closesTCP = 1;
    }
  }
  if (version >= 6) {
    size = 24;
    // No signals to, and no abstract sockets of, what is outside.
    attributes.scopes = SCOPES;
  }
  int set = (int)syscall(CALL_CREATE_RULESET, &attributes, size, 0);
  if (set < 0) return -1;
  for (size_t index = 0; index < request->ruleCount; index++) {
    const struct Rule *rule = &request->rules[index];
    int place = open(rule->path, O_PATH | O_CLOEXEC);
    // What is not on this machine needs no permission.
    if (place < 0) continue;
    struct stat info;
    if (fstat(place, &info) != 0) {
      close(place);
      continue;
    }
    uint64_t allowed = EXECUTE | READ_FILE | READ_DIR;
    if (rule->isWritable) allowed = all & ~(MAKE_CHAR | MAKE_BLOCK);
    if (rule->isListable) allowed = READ_DIR;
    if (!S_ISDIR(info.st_mode)) {
      allowed &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
    }
    if (allowed == 0) {
      close(place);
      continue;
    }
    struct PathRule entry = {.allowed = allowed & all, .parent = place};
    long added = syscall(CALL_ADD_RULE, set, RULE_PATH_BENEATH, &entry, 0);
    int reason = errno;
    close(place);
    if (added != 0) {
      close(set);
      errno = reason;
      return -1;
    }
  }
  long done = syscall(CALL_RESTRICT_SELF, set, 0);
  int reason = errno;
  close(set);
  errno = reason;
  return done == 0 ? version : -1;
}
