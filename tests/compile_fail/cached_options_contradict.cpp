// cachemodel: a constant whose options contradict each other does not compile.
// SPDX-License-Identifier: MIT
// expect: cachemodel: stale_if_error without expires; write expires too
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

int twice(int number);

#ifdef CACHEMODEL_MISTAKE
constexpr CallOptions<int> patient{.stale_if_error = 1h, .name = "twice"};
#else
constexpr CallOptions<int> patient{.expires = 15min, .stale_if_error = 1h, .name = "twice"};
#endif

const CachedFunction<&twice> call{patient};
