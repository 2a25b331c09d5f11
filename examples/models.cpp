// cachemodel example: what a model may hold, and how it is declared.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <variant>

using namespace cachemodel;
using namespace std::chrono_literals;

// [types]
enum class Unit : std::uint8_t { piece, kilogram };

struct Price {  // a plain struct inside of a model is stored member by member
    std::int64_t cents = 0;
    std::string currency = "EUR";

    bool operator==(const Price&) const = default;
};

struct Product {
    static constexpr ModelOptions cache_options{.expires = 1h, .version = 2};

    Key<std::string> shop;
    Key<std::uint32_t> number;

    Field<std::string> title;                        // any bytes
    Price price;                                     // a plain member is stored as well
    Field<Unit> unit = Unit::piece;                  // enums, as their number
    Field<std::optional<double>> weight;             // NaN and infinities too
    Field<std::vector<std::string>> tags = {"new"};  // with a default
    Field<std::map<int, Price>> discounts;           // keys need not be strings
    Field<std::set<std::string>> colours;
    Field<std::deque<bool>> history;
    Field<std::variant<int, std::string>> shelf;
    Field<std::array<std::byte, 4>> checksum;
    Field<std::chrono::minutes> preparation = 0min;  // stored with its unit
    Field<std::chrono::system_clock::time_point> added;
};
// [/types]

// [wire_names]
struct Account {
    // In the cache, and so for readers of an older release, `email` stays `mail`.
    static constexpr WireNames wire_names{{"email", "mail"}};

    Key<int> id;
    Field<std::string> email;
};
// [/wire_names]

int main() {
    // [use]
    CacheModel tea{Product{.shop = "corner", .number = 17, .title = "Tea"}};
    tea.price = Price{.cents = 450};
    tea.tags->push_back("hot");
    *tea.preparation += 5min;
    tea.save();

    const auto found = CacheModel<Product>::get("corner", 17);
    std::cout << found.title << ' ' << found.price.cents << ' ' << found.tags->size() << ' '
              << found.preparation->count() << ' ' << found.weight->has_value() << '\n';
    std::cout << (found == tea) << '\n';  // member by member, Product has no == of its own
    // [/use]

    // [set]
    const Product unnamed{.shop = "corner"};
    try {
        CacheModel{unnamed}.save();
    } catch (const IncompleteKey& incomplete) {
        std::cout << incomplete.what() << '\n';
    }
    // [/set]

    CacheModel{Account{.id = 1, .email = "ada@example.org"}}.save();
    std::cout << CacheModel<Account>::get(1).email << '\n';
}
