#include <arrow/api.h>

#include "admix_arrow.h"

extern "C" const char *admix_arrow_version(void) {
  static const std::string version = arrow::GetBuildInfo().version_string;
  return version.c_str();
}
