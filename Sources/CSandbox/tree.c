#define _GNU_SOURCE
#include "launcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static ssize_t contents(const char *path, char *buffer, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t count = read(file, buffer, size - 1);
  close(file);
  if (count >= 0) buffer[count] = 0;
  return count;
}

/// The children of every thread of a process; -1 where the kernel does not list them.
static int children(pid_t parent, pid_t *pids, size_t capacity, size_t *count) {
  char path[96];
  snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
  DIR *threads = opendir(path);
  if (!threads) return 0;
  int result = 0;
  struct dirent *entry;
  while ((entry = readdir(threads))) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)parent, entry->d_name);
    static char text[1 << 16];
    ssize_t length = contents(path, text, sizeof text);
    if (length < 0) {
      if (parent == getpid()) result = -1;
      continue;
    }
    char *rest = text;
    for (;;) {
      char *end;
      long pid = strtol(rest, &end, 10);
      if (end == rest) break;
      if (*count < capacity) pids[(*count)++] = (pid_t)pid;
      rest = end;
    }
  }
  closedir(threads);
  return result;
}

/// The same by looking at every process of the machine.
static size_t search(pid_t *pids, size_t capacity) {
  size_t known = 0, room = 1024;
  pid_t(*all)[2] = malloc(room * sizeof *all);
  DIR *processes = opendir("/proc");
  struct dirent *entry;
  while (all && processes && (entry = readdir(processes))) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%.20s/stat", entry->d_name);
    if (contents(path, text, sizeof text) <= 0) continue;
    // The name in parentheses may hold anything; what is wanted comes after the last one.
    char *after = strrchr(text, ')');
    int parent;
    if (!after || sscanf(after + 1, " %*c %d", &parent) != 1) continue;
    if (known == room) {
      void *more = realloc(all, 2 * room * sizeof *all);
      if (!more) break;
      all = more;
      room *= 2;
    }
    all[known][0] = atoi(entry->d_name);
    all[known++][1] = parent;
  }
  if (processes) closedir(processes);
  size_t count = 0;
  pid_t parent = getpid();
  for (size_t next = 0;; parent = pids[next++]) {
    for (size_t index = 0; index < known; index++) {
      if (all[index][1] == parent && count < capacity) pids[count++] = all[index][0];
    }
    if (next >= count) break;
  }
  free(all);
  return count;
}

size_t tree_list(pid_t *pids, size_t capacity) {
  size_t count = 0;
  if (children(getpid(), pids, capacity, &count) != 0) return search(pids, capacity);
  for (size_t next = 0; next < count; next++) children(pids[next], pids, capacity, &count);
  return count;
}

uint64_t tree_memory(const pid_t *pids, size_t count) {
  uint64_t pages = 0;
  for (size_t index = 0; index < count; index++) {
    char path[48], text[256];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pids[index]);
    unsigned long resident, shared;
    if (contents(path, text, sizeof text) <= 0) continue;
    if (sscanf(text, "%*u %lu %lu", &resident, &shared) != 2) continue;
    if (resident > shared) pages += resident - shared;
  }
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void tree_kill(void) {
  static pid_t pids[1 << 15];
  // What is killed hands its children to this process, so that after every round there is less; a
  // program that goes on forking is stopped first. Ten seconds are for those stuck in the kernel.
  for (int round = 0; round < 5000; round++) {
    int reaped;
    do reaped = waitpid(-1, NULL, WNOHANG);
    while (reaped > 0 || (reaped < 0 && errno == EINTR));
    if (reaped < 0 && errno == ECHILD) return;
    size_t count = tree_list(pids, sizeof pids / sizeof *pids);
    for (size_t index = 0; index < count; index++) kill(pids[index], SIGSTOP);
    for (size_t index = 0; index < count; index++) kill(pids[index], SIGKILL);
    struct timespec pause = {.tv_nsec = round < 100 ? 500000 : 2000000};
    nanosleep(&pause, NULL);
  }
}
