// cachemodel: text is read as a std::string, not as a pointer to somewhere.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a view cannot be read from a cache; ask for std::string or std::vector
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

void use(const Cache& cache) {
#ifdef CACHEMODEL_MISTAKE
    (void)cache.get_many<const char*>({"k"});
#else
    (void)cache.get_many<std::string>({"k"});
#endif
}
