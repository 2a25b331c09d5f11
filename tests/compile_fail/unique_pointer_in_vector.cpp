// cachemodel: a smart pointer cannot be stored inside of a container either.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer cannot be stored; write the value, std::optional or a Reference
#include <cachemodel/cachemodel.hpp>

#include <memory>
#include <optional>
#include <vector>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    std::vector<std::unique_ptr<int>> scores;
#else
    std::vector<std::optional<int>> scores;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
