#pragma once

#include <stdint.h>

#include "admix_http.h"

enum AdmixFetchOutcome {
  ADMIX_FETCH_DONE = 0,
  /// libcurl is not there.
  ADMIX_FETCH_NO_LIBRARY = 1,
  /// The server answered with an error; `status` says which.
  ADMIX_FETCH_REFUSED = 2,
  /// No connection, a broken one, or a name that does not resolve.
  ADMIX_FETCH_TRANSPORT = 3,
  /// The file cannot be written.
  ADMIX_FETCH_FILE = 4,
  /// The progress function asked to stop.
  ADMIX_FETCH_STOPPED = 5,
};

struct AdmixFetchResult {
  int32_t outcome;
  /// The HTTP status, 0 for other schemes.
  int32_t status;
  /// The server sent the whole file though a part was asked for, so the file was begun anew.
  int32_t restarted;
  char text[512];
};

/// Told how many bytes there are by now and how many there will be (0: unknown); anything but 0 stops.
typedef int32_t (*AdmixFetchProgress)(void *context, int64_t received, int64_t total);

/// Appends to a file from byte `from` of what the URL names, following at most ten redirects.
void admix_fetch(
    const char *url, const char *path, int64_t from, AdmixFetchProgress progress, void *context,
    struct AdmixFetchResult *result);
