// cachemodel: the part of a user's program that alone knows of caches.
// SPDX-License-Identifier: MIT
#include <cachemodel/schemes.hpp>

bool memcached_is_known() { return cachemodel::find_scheme("memcached") != nullptr; }
