// cachemodel: what is wrong with a cached method is said inside of its class too.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer is no part of a key; write the value, std::string, std::string_view
// expect: or std::optional
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

class Home {
 public:
    int rooms() const;

 private:
#ifdef CACHEMODEL_MISTAKE
    const char* address_ = nullptr;
#else
    std::string address_;
#endif

 public:
    static inline const CachedMethod<&Home::rooms, &Home::address_> cached_rooms;
};

void use(const Home& home) { (void)Home::cached_rooms(home); }
