// cachemodel: a user's program: entities that refer to each other, kept and read back.
// SPDX-License-Identifier: MIT
#include <cachemodel/binary.hpp>
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/caches_json.hpp>
#include <cachemodel/json.hpp>

#include <cereal/types/vector.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

struct Portrait {
    int width = 0;
    std::vector<unsigned char> pixels;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(width, pixels);
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
    Reference<User> mother, father;

    void from_miss() {
        if (*username != "eve") throw Missing{};
        email = "eve@hotmail.com";
    }
};

struct Home {
    std::string address;
    int geocoded = 0;

    std::vector<double> geocode() const { return {geocoded + 0.5, 7.5}; }
};

struct Search {
    std::string text;

    struct Cleaned {
        std::string text;
    };
    Cleaned cleaned_data() const { return {text.substr(0, text.find(' '))}; }
    std::string found() const { return "found " + text; }
};

int slow_sum(int a, int b) { return a + b; }

const CachedMethod<&Home::geocode, &Home::address> geocode{{.expires = 15min}};
const CachedFunction<&slow_sum> sum;
const CachedFormMethod<&Search::found> found;

namespace {

void require(bool condition, const char* what) {
    if (condition) return;
    std::cerr << "not so: " << what << '\n';
    throw what;
}

}  // namespace

int main() try {
    const Workplace acme{.name = "acme", .phone = "555", .employee_count = 3};
    CacheModel{acme}.save();
    CacheModel bob{User{.username = "bob",
                        .email = "bob@hotmail.com",
                        .portrait = Portrait{2, {1, 2, 3, 4}},
                        .workplace = acme,
                        .mother = Reference<User>::to("eve")}};
    bob.save();

    const auto user = CacheModel<User>::get("bob");
    require(user.email == "bob@hotmail.com", "the email is read back");
    require(user.portrait->pixels.size() == 4, "the portrait is read back");
    require(user.workplace->phone == "555", "the workplace is fetched with the user");
    require(user.mother->email == "eve@hotmail.com", "the mother is loaded on a miss");
    require(CacheModel<User>::find("nobody").absent(), "nobody is absent");
    try {
        static_cast<void>(CacheModel<User>::get("nobody"));
        require(false, "nobody is missing");
    } catch (const CacheModel<User>::Missing& missing) {
        require(!missing.key().empty(), "who is missing is named");
    }

    require(geocode({"Via Roma", 1}) == std::vector{1.5, 7.5}, "the method runs");
    require(geocode({"Via Roma", 2}) == std::vector{1.5, 7.5}, "its result is read back");
    require(geocode.prefetch({Home{"Via Roma", 3}})[0].found(), "and prefetched");
    require(sum(1, 2) == 3 && sum(1, 2) == 3, "a function is cached");
    require(found({"cups and more"}) == found({"cups only"}), "forms share their results");

    // Connects on first use: there need not be a server to know that the components are linked.
    caches().configure("remote", "memcached://127.0.0.1:11211");
    static_cast<void>(caches()["remote"]);

    configure_caches(
        R"({"far": {"BACKEND": "memcached", "LOCATION": "127.0.0.1", "TIMEOUT": 60}})");
    require(caches()["far"].timeout() == Lifetime{60s}, "a document configures a cache");
    require(!prometheus_text().empty(), "what was counted is told");
    caches().configure("counters", "redis://127.0.0.1:6379/5");
    static_cast<void>(caches()["counters"]);
    caches().configure("pages", "sqlite:///var/cache/app.db?table=pages");
    static_cast<void>(caches()["pages"]);
    return 0;
} catch (const char*) {
    return 1;
}
