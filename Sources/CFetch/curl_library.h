// libcurl, opened on first use: most runs fetch nothing, and its TLS library is slow to load.
#pragma once

// The compile-time checks of curl.h look at direct calls only; ours go through pointers.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

struct AdmixCurl {
  CURLcode (*global_init)(long);
  CURL *(*init)(void);
  void (*reset)(CURL *);
  CURLcode (*setopt)(CURL *, CURLoption, ...);
  CURLcode (*perform)(CURL *);
  CURLcode (*getinfo)(CURL *, CURLINFO, ...);
  void (*cleanup)(CURL *);
  const char *(*strerror)(CURLcode);
  struct curl_slist *(*append)(struct curl_slist *, const char *);
  void (*free_all)(struct curl_slist *);
};

extern struct AdmixCurl admix_curl;

/// Whether it is there; `admix_curl` may be used only then.
int admix_curl_open(void);
/// Why it is not.
const char *admix_curl_error(void);
