// cachemodel: a parameter may not be a time of a clock that starts anew.
// SPDX-License-Identifier: MIT
// expect: cachemodel: only time points of std::chrono::system_clock mean anything to another
// expect: process; write one of these or a duration
#include <cachemodel/cachemodel.hpp>

#include <chrono>
#include <string>

using namespace cachemodel;

struct Home {
    std::string address;
#ifdef CACHEMODEL_MISTAKE
    int rooms(std::chrono::steady_clock::time_point at) const;
#else
    int rooms(std::chrono::system_clock::time_point at) const;
#endif
};

const CachedMethod<&Home::rooms, &Home::address> rooms;

void use(const Home& home) { (void)rooms(home, {}); }
