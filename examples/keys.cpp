// cachemodel example: how keys are made.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>
#include <optional>
#include <string>

using namespace cachemodel;

// [types]
struct CustomerId {  // a plain struct of key types is a key type
    int value = 0;
};

class Isbn {  // any other type, with a to_cache_key beside it
 public:
    Isbn() = default;
    explicit Isbn(std::string digits) : digits_(std::move(digits)) {}
    friend const std::string& to_cache_key(const Isbn& isbn) { return isbn.digits_; }

 private:
    std::string digits_;
};

struct Order {
    Key<CustomerId> customer;
    Key<Isbn> book;
    Key<std::optional<int>> edition = std::nullopt;  // has a default, may be left out
    Field<int> copies;
};
// [/types]

// [options]
namespace shop {
struct Basket {
    static constexpr ModelOptions cache_options{.name = "basket", .version = 3};
    Key<int> id;
};
struct Session {
    static constexpr ModelOptions cache_options{.secret_keys = true};
    Key<std::string> token;
    Field<std::string> user;
};
}  // namespace shop
// [/options]

int main() {
    // [readable]
    const Models<Order> orders;
    std::cout << orders.key_for({.customer = CustomerId{7}, .book = Isbn{"978-0131103627"}})
              << '\n';
    // [/readable]

    // [named]
    std::cout << Models<shop::Basket>{}.key_for(5) << '\n';
    // [/named]

    // [long]
    struct Page {
        Key<std::string> address;
    };
    const auto key = Models<Page>{}.key_for("https://example.org/ " + std::string(10'000, 'x'));
    std::cout << key.size() << ' ' << key.substr(0, 48) << "...\n";
    // [/long]

    // [secret]
    std::cout << Models<shop::Session>{}.key_for("8c1f0a5e-token").substr(0, 24) << "...\n";
    // [/secret]

    // [final]
    const Cache cache = Cache::open("memory://?key_prefix=site1&version=2");
    std::cout << cache.final_key(Models<shop::Basket>{cache}.key_for(5)) << '\n';
    // [/final]
}
