#include "admix_arrow.h"
