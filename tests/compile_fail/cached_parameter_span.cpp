// cachemodel: a parameter may not be a span.
// SPDX-License-Identifier: MIT
// expect: cachemodel: of all views only std::string_view can be part of a key; write std::vector
#include <cachemodel/cachemodel.hpp>

#include <span>
#include <string>
#include <vector>

using namespace cachemodel;

struct Home {
    std::string address;
#ifdef CACHEMODEL_MISTAKE
    int rooms(std::span<const int> floors) const;
#else
    int rooms(const std::vector<int>& floors) const;
#endif
};

const CachedMethod<&Home::rooms, &Home::address> rooms;

void use(const Home& home) { (void)rooms(home, {}); }
