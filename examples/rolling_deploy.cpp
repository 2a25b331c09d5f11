// cachemodel example: the old and the new release of a program, on one cache.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>

using namespace cachemodel;
using namespace std::chrono_literals;

namespace {

template <class T>
std::string state(const Lookup<T>& lookup) {
    if (lookup.found()) return "found";
    if (lookup.failed()) return "failed";
    return "absent: " + std::string{to_string(lookup.reason())};
}

}  // namespace

// The two releases of a program of your own have one class each, of one name. Here both stand in
// one program, and so `.name` gives them their common name.

// [old]
namespace old_release {
struct Account {
    static constexpr ModelOptions cache_options{.name = "account"};
    Key<int> id;
    Field<std::string> mail;
    Field<int> visits;
    Field<std::string> fax = "none";
};
}  // namespace old_release
// [/old]

// [new]
namespace new_release {
struct Account {
    static constexpr ModelOptions cache_options{.name = "account"};
    static constexpr WireNames wire_names{{"email", "mail"}};  // renamed in the program only
    Key<int> id;
    Field<std::string> email;
    Field<std::int64_t> visits;          // was an int
    Field<std::string> language = "en";  // added; fax is gone
};
}  // namespace new_release
// [/new]

// [loaders]
namespace old_release {
struct Page {
    static constexpr ModelOptions cache_options{.name = "page"};
    Key<int> id;
    Field<std::string> title;
    void from_miss() { title = "from the source"; }
};
}  // namespace old_release

namespace new_release {
struct Page {
    static constexpr ModelOptions cache_options{.name = "page"};
    Key<int> id;
    Field<std::string> title;
    Field<int> words;
    void from_miss() {
        title = "from the source";
        words = 300;
    }
};
}  // namespace new_release
// [/loaders]

// [types]
namespace old_release {
struct Flight {
    static constexpr ModelOptions cache_options{.name = "flight"};
    Key<int> number;
    Field<int> gate;
};
}  // namespace old_release

namespace new_release {
struct Flight {
    static constexpr ModelOptions cache_options{.name = "flight"};
    Key<int> number;
    Field<std::string> gate;  // another type
};
}  // namespace new_release
// [/types]

// [versions]
namespace new_release {
struct FlightWithVersion {
    static constexpr ModelOptions cache_options{.name = "flight", .version = 2};
    Key<int> number;
    Field<std::string> gate;
};
}  // namespace new_release
// [/versions]

// [enums]
namespace old_release {
enum class Status : std::uint8_t { open, closed };
struct Ticket {
    static constexpr ModelOptions cache_options{.name = "ticket"};
    Key<int> id;
    Field<Status> status;
};
}  // namespace old_release

namespace new_release {
enum class Status : std::uint8_t { open, closed, waiting };  // at the end
struct Ticket {
    static constexpr ModelOptions cache_options{.name = "ticket"};
    Key<int> id;
    Field<Status> status;
};
}  // namespace new_release
// [/enums]

// [calls]
namespace old_release {
struct Weather {
    int degrees = 0;
};
Weather weather(std::string) { return {20}; }
const CachedFunction<&weather> cached_weather{{.expires = 1h, .name = "weather"}};
}  // namespace old_release

namespace new_release {
struct Weather {
    int degrees = 0;
    int humidity = 0;  // added
};
Weather weather(std::string) { return {20, 65}; }
const CachedFunction<&weather> cached_weather{{.expires = 1h, .name = "weather"}};
}  // namespace new_release
// [/calls]

// [keys]
namespace new_release {
struct Room {
    static constexpr ModelOptions cache_options{.name = "room"};
    Key<std::string> building;  // added
    Key<int> number;
};
struct Booking {
    static constexpr ModelOptions cache_options{.name = "booking"};
    Key<int> id;
    Reference<Room, Dangling::keep> room;
};
}  // namespace new_release

namespace old_release {
struct Room {
    static constexpr ModelOptions cache_options{.name = "room"};
    Key<int> number;
};
struct Booking {
    static constexpr ModelOptions cache_options{.name = "booking"};
    Key<int> id;
    Reference<Room, Dangling::keep> room;
};
}  // namespace old_release
// [/keys]

int main() {
    const Cache cache = default_cache();

    std::cout << "members\n";
    // [members]
    const Models<old_release::Account> old_accounts{cache};
    const Models<new_release::Account> new_accounts{cache};

    old_accounts.save({.id = 1, .mail = "ada@example.org", .visits = 7, .fax = "555"});
    auto account = new_accounts.get(1);
    std::cout << account.email << ' ' << account.visits << ' ' << account.language << '\n';

    account.language = "fr";
    new_accounts.save(account);
    const auto seen = old_accounts.get(1);
    std::cout << seen.mail << ' ' << seen.visits << ' ' << seen.fax << '\n';
    // [/members]

    // [lost]
    old_accounts.save(seen);  // the old release writes back what it has read
    std::cout << new_accounts.get(1).language << '\n';
    // [/lost]

    // [large]
    new_accounts.save({.id = 2, .email = "bob@example.org", .visits = 3'000'000'000});
    std::cout << state(old_accounts.find(2)) << '\n';
    // [/large]

    std::cout << "with a loader\n";
    // [loaded]
    const Models<old_release::Page> old_pages{cache};
    const Models<new_release::Page> new_pages{cache};
    old_pages.save({.id = 1, .title = "stored by the old release"});
    std::cout << new_pages.get(1).title << ' ' << new_pages.get(1).words << '\n';
    std::cout << old_pages.get(1).title << '\n';
    // [/loaded]

    std::cout << "another type\n";
    // [type]
    const Models<old_release::Flight> old_flights{cache};
    const Models<new_release::Flight> new_flights{cache};
    old_flights.save({.number = 100, .gate = 5});
    std::cout << state(new_flights.find(100)) << '\n';
    new_flights.save({.number = 100, .gate = "B5"});
    std::cout << state(old_flights.find(100)) << '\n';
    // [/type]

    // [version]
    const Models<new_release::FlightWithVersion> flights{cache};
    old_flights.save({.number = 200, .gate = 5});
    flights.save({.number = 200, .gate = "B5"});
    std::cout << old_flights.get(200).gate << ' ' << flights.get(200).gate << '\n';
    flights.remove(200);  // its own entry, and no other one
    std::cout << state(old_flights.find(200)) << '\n';
    // [/version]

    std::cout << "an enum\n";
    // [enum]
    const Models<old_release::Ticket> old_tickets{cache};
    const Models<new_release::Ticket> new_tickets{cache};
    new_tickets.save({.id = 1, .status = new_release::Status::waiting});
    std::cout << static_cast<int>(*old_tickets.get(1).status) << '\n';
    // [/enum]

    std::cout << "a cached function\n";
    // [call]
    std::cout << old_release::cached_weather("Graz").degrees << '\n';
    std::cout << new_release::cached_weather("Graz").humidity << '\n';  // computed anew, stored
    std::cout << old_release::cached_weather("Graz").degrees << '\n';   // and read
    const auto counted = new_release::cached_weather.statistics();
    std::cout << counted.misses(MissReason::member_absent) << '\n';
    // [/call]

    std::cout << "values\n";
    // [values]
    cache.set("weather", old_release::Weather{20});
    std::cout << state(cache.get<new_release::Weather>("weather")) << '\n';
    cache.set("weather", new_release::Weather{20, 65});
    std::cout << state(cache.get<old_release::Weather>("weather")) << '\n';

    cache.set("limit", "ten");
    std::cout << state(cache.get<int>("limit")) << '\n';
    const Cache tolerant = Cache::open("memory://?mismatch_is_miss=true");
    tolerant.set("limit", "ten");
    std::cout << state(tolerant.get<int>("limit")) << '\n';
    // [/values]

    std::cout << "keys\n";
    // [key]
    const Models<old_release::Room> old_rooms{cache};
    const Models<new_release::Room> new_rooms{cache};
    std::cout << old_rooms.key_for(12) << '\n' << new_rooms.key_for("main", 12) << '\n';

    const Models<old_release::Booking> old_bookings{cache};
    const Models<new_release::Booking> new_bookings{cache};
    old_bookings.save({.id = 1, .room = old_release::Room{.number = 12}});
    std::cout << state(new_bookings.find(1)) << '\n';
    // [/key]

    std::cout << "another version of the cache\n";
    // [hammer]
    const Cache next = cache.with_version(2);
    std::cout << state(Models<new_release::Account>{next}.find(1)) << '\n';
    std::cout << cache.final_key("k") << ' ' << next.final_key("k") << '\n';
    // [/hammer]
}
