// cachemodel: makes the scheme `sqlite` known to the program that this is compiled into.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/sqlite.hpp>
#include <cachemodel/schemes.hpp>

extern "C" {

// Weak, because several parts of one program may each bring this file along. It has a name that the
// linker is told to look for, so that it is also taken out of a static library that nobody calls.
[[gnu::weak]] extern const bool cachemodel_sqlite_is_registered;
const bool cachemodel_sqlite_is_registered =
    cachemodel::register_scheme("sqlite", &cachemodel::open_sqlite);
}
