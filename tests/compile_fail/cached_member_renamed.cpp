// cachemodel: a chosen member that was renamed is an error.
// SPDX-License-Identifier: MIT
// expect: &Home::address> rooms;
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Home {
#ifdef CACHEMODEL_MISTAKE
    std::string postal_address;
#else
    std::string address;
#endif
    int rooms() const;
};

const CachedMethod<&Home::rooms, &Home::address> rooms;
