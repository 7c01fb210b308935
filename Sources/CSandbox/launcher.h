#pragma once

#include "include/admix_sandbox.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// A place that the program may use.
struct Rule {
  /// As given, for the kernel; then as it really is, for comparing.
  char *path;
  char *real;
  int isWritable;
  /// Only names, not contents.
  int isListable;
};

struct Request {
  char *program;
  char **arguments;
  size_t argumentCount;
  char **environment;
  size_t environmentCount;
  char *folder;
  struct Rule *rules;
  size_t ruleCount;
  struct AdmixLaunchLimits limits;
};

/// Restricts the calling thread and what it starts; gives the version of Landlock, 0 where there is
/// none, or -1 with errno.
int landlock_confine(const struct Request *request, int *closesTCP);

/// Has the calls that name files or open sockets reported to a listener; gives its descriptor, or -1.
/// Where there can be no listener, the network is closed all the same.
int watch_install(int closesNetwork, int *networkClosed);

/// What is refused, as it was last asked for.
struct Denial {
  char kind;
  char *path;
};

struct Watch {
  const struct Request *request;
  int listener;
  struct Denial denials[32];
  size_t denialCount;
  int status;
  /// As it was told; told again when it turns out that nothing can be seen.
  struct AdmixLaunchStart start;
};

/// Answers what the listener has; call it when the listener is readable.
void watch_answer(struct Watch *watch);

/// The processes below this one, at most so many; gives how many there are.
size_t tree_list(pid_t *pids, size_t capacity);
/// Bytes of memory that these processes have to themselves.
uint64_t tree_memory(const pid_t *pids, size_t count);
/// Kills and reaps everything below this process.
void tree_kill(void);

void tell(int status, uint32_t kind, const void *head, size_t headLength, const char *text);
