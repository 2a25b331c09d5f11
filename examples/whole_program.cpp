// cachemodel example: a model with options, binary data, self-references and a loader.
// SPDX-License-Identifier: MIT
#include <cachemodel/binary.hpp>
#include <cachemodel/cachemodel.hpp>

#include <cereal/types/vector.hpp>

#include <iostream>
#include <map>

using namespace cachemodel;
using namespace std::chrono_literals;

// [models]
struct Portrait {  // any type that cereal can serialize
    int width = 0;
    int height = 0;
    std::vector<std::uint8_t> pixels;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(width, height, pixels);
    }
};

struct Workplace {
    Key<std::string> name;
    Field<std::string> phone;
    Field<int> employee_count;
};

struct User {
    static constexpr ModelOptions cache_options{.expires = 15min};

    Key<std::string> username;
    Field<std::string> email;
    Field<std::string> full_name;
    Binary<Portrait> portrait;
    Reference<Workplace> workplace;
    Reference<User> mother, father;  // the model itself: allowed, cycles too

    void from_miss();  // optional: the keys are set, fill in the rest, or throw Missing{}
};
// [/models]

// [from_miss]
const std::map<std::string, std::string> registered{{"eve", "Eve Adams"}};

void User::from_miss() {
    const auto row = registered.find(username);
    if (row == registered.end()) throw Missing{};
    full_name = row->second;
}
// [/from_miss]

int main() {
    // [save]
    const Workplace acme{.name = "acme", .phone = "555-0100", .employee_count = 250};
    CacheModel<Workplace>{acme}.save();

    CacheModel bob{User{.username = "bob",
                        .email = "bob@hotmail.com",
                        .portrait = Portrait{.width = 1, .height = 1, .pixels = {255}},
                        .workplace = acme,
                        .mother = Reference<User>::to("eve")}};
    bob.save();
    // [/save]

    // [get]
    auto user = CacheModel<User>::get("bob");
    std::cout << (user.email == "bob@hotmail.com") << ' ' << user.workplace->phone << ' '
              << user.mother->full_name << ' ' << user.portrait->width << '\n';

    auto maybe = CacheModel<User>::find("mallory");  // no exception for "not there"
    if (maybe.absent()) std::cout << "no mallory\n";
    // [/get]

    // [keys]
    std::cout << user.key() << '\n' << caches()["default"].final_key(user.key()) << '\n';
    // [/keys]
}
