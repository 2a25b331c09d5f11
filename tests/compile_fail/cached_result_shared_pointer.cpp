// cachemodel: a result may not be a shared_ptr.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a result that is or holds a pointer cannot be stored; return the value or
// expect: std::optional
#include <cachemodel/cachemodel.hpp>

#include <memory>
#include <optional>
#include <string>

using namespace cachemodel;

struct Home {
    int number = 0;
#ifdef CACHEMODEL_MISTAKE
    std::shared_ptr<std::string> owner() const;
#else
    std::optional<std::string> owner() const;
#endif
    static const CachedMethod<&Home::owner, &Home::number> cached_owner;
};

const CachedMethod<&Home::owner, &Home::number> Home::cached_owner;

void use(const Home& home) { (void)Home::cached_owner(home); }
