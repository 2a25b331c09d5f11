// cachemodel example: objects that all readers of a process share.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

// [model]
struct Shop {
    static constexpr ModelOptions cache_options{.expires = 1h};

    Key<std::string> name;
    Field<std::string> street;
    Field<std::vector<std::string>> goods;
};
// [/model]

int main() {
    // [open]
    caches().configure("default", "memory://?decoded=64MiB&decoded_expires=2s");
    const Models<Shop> shops;
    // [/open]

    shops.save({.name = "Tea & Co", .street = "Quay 4", .goods = {"tea", "cups"}});

    // [use]
    const std::shared_ptr<const Shop> shop = shops.get_shared("Tea & Co");
    std::cout << shop->name << " in " << shop->street << '\n';

    const auto again = shops.get_shared("Tea & Co");
    std::cout << (again == shop ? "the same object" : "another one") << '\n';

    if (const auto found = shops.find_shared("Coffee & Co"); found.absent()) {
        std::cout << "no coffee\n";
    }
    // [/use]

    // [change]
    shops.update("Tea & Co", [](Shop& changed) { changed.street = "Quay 5"; });

    std::cout << "who holds it reads on: " << shop->street << '\n';
    std::cout << "who asks again gets: " << shops.get_shared("Tea & Co")->street << '\n';
    // [/change]

    // [count]
    const auto kept = shops.cache().decoded_usage();
    std::cout << shops.statistics().decoded_hits << " hit, " << kept.entries << " object kept\n";
    // [/count]
}
