// cachemodel: a constant with an option out of its range does not compile.
// SPDX-License-Identifier: MIT
// expect: cachemodel: an option is out of range
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;
using namespace std::chrono_literals;

#ifdef CACHEMODEL_MISTAKE
constexpr CallOptions<int> many{.expires = 1h, .jitter = 1};
#else
constexpr CallOptions<int> many{.expires = 1h, .jitter = 0.5};
#endif
