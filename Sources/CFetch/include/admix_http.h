#pragma once

#include <stdint.h>

/// One connection to a server, kept open from request to request; used by one thread at a time.
struct AdmixHTTPSession;

enum AdmixHTTPOutcome {
  /// The server answered; `status` says what.
  ADMIX_HTTP_ANSWERED = 0,
  /// libcurl is not there.
  ADMIX_HTTP_NO_LIBRARY = 1,
  /// No connection, a broken one, one that stood still, or a name that does not resolve.
  ADMIX_HTTP_TRANSPORT = 2,
  /// The file to send or to fill cannot be read or written.
  ADMIX_HTTP_FILE = 3,
  /// The answer is longer than `limit`.
  ADMIX_HTTP_TOO_LONG = 4,
  /// The progress function asked to stop.
  ADMIX_HTTP_STOPPED = 5,
};

struct AdmixHTTPRequest {
  /// `GET`, `HEAD` or `PUT`.
  const char *method;
  const char *url;
  /// `Name: value`.
  const char *const *headers;
  int32_t header_count;
  /// What a PUT sends: `body`, or where that is NULL `length` bytes of the file `body_path`.
  const void *body;
  const char *body_path;
  int64_t length;
  /// Where the body of a good answer goes; into memory where it is NULL.
  const char *sink_path;
  /// The most bytes that are taken of it.
  int64_t limit;
  /// How long a connection may take to come about.
  int32_t connect_milliseconds;
  /// How long one may stand still.
  int32_t stall_seconds;
  /// Told now and then how many bytes went either way; anything but 0 stops.
  int32_t (*progress)(void *context, int64_t bytes);
  void *context;
};

struct AdmixHTTPResult {
  int32_t outcome;
  int32_t status;
  /// What the server says the length of the body is; -1 where it does not say.
  int64_t content_length;
  int64_t received;
  /// The body, where it went into memory, and the first bytes of that of an error; the session's, until
  /// its next request.
  const uint8_t *data;
  int64_t data_length;
  char text[256];
};

/// NULL where libcurl is not there; `text` then says why.
struct AdmixHTTPSession *admix_http_open(char *text, int32_t capacity);
void admix_http_perform(
    struct AdmixHTTPSession *session, const struct AdmixHTTPRequest *request,
    struct AdmixHTTPResult *result);
void admix_http_close(struct AdmixHTTPSession *session);
