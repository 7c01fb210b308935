#include "curl_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

struct AdmixCurl admix_curl;
static int is_open;
static char open_error[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_library(void) {
  void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(open_error, sizeof open_error, "%s", dlerror());
    return;
  }
  admix_curl.global_init = (CURLcode(*)(long))dlsym(library, "curl_global_init");
  admix_curl.init = (CURL * (*)(void)) dlsym(library, "curl_easy_init");
  admix_curl.reset = (void (*)(CURL *))dlsym(library, "curl_easy_reset");
  admix_curl.setopt = (CURLcode(*)(CURL *, CURLoption, ...))dlsym(library, "curl_easy_setopt");
  admix_curl.perform = (CURLcode(*)(CURL *))dlsym(library, "curl_easy_perform");
  admix_curl.getinfo = (CURLcode(*)(CURL *, CURLINFO, ...))dlsym(library, "curl_easy_getinfo");
  admix_curl.cleanup = (void (*)(CURL *))dlsym(library, "curl_easy_cleanup");
  admix_curl.strerror = (const char *(*)(CURLcode))dlsym(library, "curl_easy_strerror");
  admix_curl.append =
      (struct curl_slist * (*)(struct curl_slist *, const char *)) dlsym(library, "curl_slist_append");
  admix_curl.free_all = (void (*)(struct curl_slist *))dlsym(library, "curl_slist_free_all");
  if (!admix_curl.global_init || !admix_curl.init || !admix_curl.reset || !admix_curl.setopt ||
      !admix_curl.perform || !admix_curl.getinfo || !admix_curl.cleanup || !admix_curl.strerror ||
      !admix_curl.append || !admix_curl.free_all) {
    snprintf(open_error, sizeof open_error, "libcurl.so.4 lacks a function");
    return;
  }
  if (admix_curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    snprintf(open_error, sizeof open_error, "libcurl does not start");
    return;
  }
  is_open = 1;
}

int admix_curl_open(void) {
  pthread_once(&once, open_library);
  return is_open;
}

const char *admix_curl_error(void) { return open_error; }
