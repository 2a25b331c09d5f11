// cachemodel: a result may not be a view of text.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result that is or holds a view does not own what it shows; return
// expect: std::string or std::vector
#include <cachemodel/cachemodel.hpp>

#include <string>
#include <string_view>

using namespace cachemodel;

struct Home {
    int number = 0;
#ifdef CACHEMODEL_MISTAKE
    std::string_view owner() const;
#else
    const std::string& owner() const;
#endif
    static const CachedMethod<&Home::owner, &Home::number> cached_owner;
};

const CachedMethod<&Home::owner, &Home::number> Home::cached_owner;

void use(const Home& home) { (void)Home::cached_owner(home); }
