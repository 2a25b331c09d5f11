// cachemodel: a private member can be chosen inside of its class only.
// SPDX-License-Identifier: MIT
// expect: private
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

class Home {
 public:
    int rooms() const;

 private:
    std::string address_;

#ifndef CACHEMODEL_MISTAKE
 public:
    static inline const CachedMethod<&Home::rooms, &Home::address_> cached_rooms;
#endif
};

#ifdef CACHEMODEL_MISTAKE
const CachedMethod<&Home::rooms, &Home::address_> cached_rooms;
#else
const auto& cached_rooms = Home::cached_rooms;
#endif

void use(const Home& home) { (void)cached_rooms(home); }
