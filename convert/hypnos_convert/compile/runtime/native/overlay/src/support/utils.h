// tensor_cache_support.cc includes this but uses nothing of it.
#pragma once

#include <string>
