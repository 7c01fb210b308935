#include "admix_fetch.h"
