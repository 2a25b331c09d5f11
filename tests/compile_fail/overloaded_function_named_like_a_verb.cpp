// cachemodel: overloaded member functions with the name of a verb are refused too.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member or member function has the name of a verb of CacheModel (get,
// expect: find, save, key, ...); rename it, and keep its stored name with wire_names
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    int find(int page) const;
    int find(const std::string& word) const;
#else
    int search(int page) const;
    int search(const std::string& word) const;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
