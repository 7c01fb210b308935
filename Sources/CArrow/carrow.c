#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

#include "admix_arrow.h"
#include "admix_image.h"

const char *admix_image_path(void) {
  Dl_info info;
  return dladdr((void *)admix_image_path, &info) ? info.dli_fname : NULL;
}
