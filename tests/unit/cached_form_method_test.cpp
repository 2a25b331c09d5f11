// cachemodel: cached methods of forms: what shares a result, what is valid, what is a key.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_form_method.hpp>

#include <cachemodel/caches.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/call_rig.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::Contains;
using Strings = std::vector<std::string>;

namespace form_test {

using support::count_run;
using support::during_run;
using support::runs;

/// What methods read.
Strings source;

struct Rig : support::CallRigWithoutLeases {
    Rig() { source = {"ada", "bob"}; }
};

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// A form whose data are validated and normalised.
class Lookup {
 public:
    struct Data {
        std::string query;
        int page = 1;
    };

    explicit Lookup(std::string query, std::string page = "1")
        : query_(std::move(query)), page_(std::move(page)) {}

    bool is_valid() const { return !query_.empty(); }
    Data cleaned_data() const {
        const auto first = query_.find_first_not_of(' ');
        const auto last = query_.find_last_not_of(' ');
        return {lower(query_.substr(first, last - first + 1)), std::stoi(page_)};
    }

    std::string found() const {
        count_run();
        std::string text = cleaned_data().query + ":";
        for (const auto& name : source) text += " " + name;
        return text;
    }
    std::vector<std::string> friends(int limit, const std::string& order) const {
        count_run();
        if (limit < 0) throw std::out_of_range{"a limit is not negative"};
        return {cleaned_data().query, std::to_string(limit), order};
    }
    std::optional<int> nobody() const noexcept {
        ++runs;
        return std::nullopt;
    }

 private:
    std::string query_;
    std::string page_;
};

using Found = CachedFormMethod<&Lookup::found>;
using Friends = CachedFormMethod<&Lookup::friends>;

static_assert(std::same_as<Found::result_type, std::string>);
static_assert(std::same_as<decltype(std::declval<const Found&>()(Lookup{"x"})), std::string>);
static_assert(std::same_as<decltype(std::declval<const Found&>().peek(Lookup{"x"})),
                           cachemodel::Lookup<std::string>>);

}  // namespace form_test

// Not the namespace as a whole: its Lookup is another one than the library's.
using form_test::during_run;
using form_test::Found;
using form_test::Friends;
using form_test::Rig;
using form_test::runs;
using form_test::source;
using Form = form_test::Lookup;

TEST_CASE("forms with equal cleaned data share a result", "[cached_form_method]") {
    Rig rig;
    const Found found{rig.cache};
    CHECK(found(Form{"Ada"}) == "ada: ada bob");
    CHECK(found(Form{"  aDA "}) == "ada: ada bob");
    CHECK(found(Form{"ada", "01"}) == "ada: ada bob");
    CHECK(runs == 1);
    CHECK(rig.scripted->keys() ==
          Strings{R"(:1:form_test::Lookup::found()@1/{query="ada",page=1}())"});
}

TEST_CASE("forms with other cleaned data do not share a result", "[cached_form_method]") {
    Rig rig;
    const Found found{rig.cache};
    CHECK(found(Form{"ada"}) == "ada: ada bob");
    CHECK(found(Form{"ad a"}) == "ad a: ada bob");
    CHECK(found(Form{"ada", "2"}) == "ada: ada bob");
    CHECK(runs == 3);
    CHECK(rig.entries() == 3);
}

TEST_CASE("arguments tell calls of one form apart", "[cached_form_method]") {
    Rig rig;
    const Friends friends{rig.cache};
    const Form form{"Ada"};
    CHECK(friends(form, 3, "name") == Strings{"ada", "3", "name"});
    CHECK(friends(form, 4, "name") == Strings{"ada", "4", "name"});
    CHECK(friends(form, 3, "age") == Strings{"ada", "3", "age"});
    CHECK(runs == 3);
    CHECK(friends(Form{"ada"}, 3L, "name"s) == Strings{"ada", "3", "name"});
    CHECK(runs == 3);
    CHECK(friends.key_for(form, 3, "name") ==
          "form_test::Lookup::friends(int,std::string%20const&)@1/"
          R"({query="ada",page=1}(3,"name"))");
}

TEST_CASE("two methods of a form do not share a result", "[cached_form_method]") {
    Rig rig;
    const Found found{rig.cache};
    const CachedFormMethod<&Form::nobody> nobody{rig.cache};
    CHECK(found(Form{"ada"}) == "ada: ada bob");
    CHECK(nobody(Form{"ada"}) == std::nullopt);
    CHECK(nobody(Form{"ada"}) == std::nullopt);
    CHECK(runs == 2);
}

TEST_CASE("results survive a change of the source until they expire or are removed",
          "[cached_form_method]") {
    Rig rig;
    const Found found{rig.cache, {.expires = 15min}};
    CHECK(found(Form{"x"}) == "x: ada bob");
    source = {"eve"};
    CHECK(found(Form{"X"}) == "x: ada bob");
    CHECK(found.refresh(Form{"x "}) == "x: eve");
    CHECK(found(Form{"x"}) == "x: eve");
    source = {"joe"};
    CHECK(found.bypass(Form{"x"}) == "x: joe");
    CHECK(*found.peek(Form{"x"}) == "x: eve");
    found.invalidate(Form{" X"});
    found.invalidate(Form{"x"});
    CHECK(found.peek(Form{"x"}).absent());
    CHECK(found(Form{"x"}) == "x: joe");
    source = {"ann"};
    rig.clock.advance(15min - 1ns);
    CHECK(found(Form{"x"}) == "x: joe");
    rig.clock.advance(1ns);
    CHECK(found(Form{"x"}) == "x: ann");
}

TEST_CASE("an invalid form is an error before anything is read or run",
          "[cached_form_method][failure]") {
    Rig rig;
    const Found found{rig.cache};
    const Form invalid{""};
    CHECK_THROWS_AS(found(invalid), InvalidForm);
    CHECK_THROWS_AS(found.peek(invalid), InvalidForm);
    CHECK_THROWS_AS(found.refresh(invalid), InvalidForm);
    CHECK_THROWS_AS(found.invalidate(invalid), InvalidForm);
    CHECK_THROWS_AS(found.bypass(invalid), InvalidForm);
    CHECK_THROWS_AS(found.key_for(invalid), InvalidForm);
    CHECK_THROWS_WITH(found(invalid), "the form form_test::Lookup is not valid");
    CHECK_THROWS_AS(found(invalid), Error);
    const Found around{rig.cache.bypass()};
    CHECK_THROWS_AS(around(invalid), InvalidForm);
    CHECK_THROWS_AS(around.refresh(invalid), InvalidForm);
    const auto prefetched = around.prefetch({invalid});
    REQUIRE(prefetched[0].failed());
    CHECK_THROWS_AS(*prefetched[0], InvalidForm);
    CHECK(runs == 0);
    CHECK(rig.log().trips() == 0);
    CHECK(found.statistics().load_failures == 0);
}

TEST_CASE("what cleaned_data throws leaves the call before anything is read or run",
          "[cached_form_method][failure]") {
    Rig rig;
    const Found found{rig.cache};
    const Form wrong{"x", "no number"};
    CHECK_THROWS_AS(found(wrong), std::invalid_argument);
    CHECK_THROWS_AS(found.peek(wrong), std::invalid_argument);
    CHECK_THROWS_AS(found.refresh(wrong), std::invalid_argument);
    CHECK_THROWS_AS(found.invalidate(wrong), std::invalid_argument);
    CHECK_THROWS_AS(found.bypass(wrong), std::invalid_argument);
    CHECK(runs == 0);
    CHECK(rig.log().trips() == 0);
}

TEST_CASE("prefetch answers many forms, and an invalid one is its own failure",
          "[cached_form_method][prefetch]") {
    Rig rig;
    const Friends friends{rig.cache};
    (void)friends(Form{"c"}, 1, "name");
    rig.log().reset();
    const std::list<Form> forms{Form{"A"}, Form{""}, Form{"b", "?"}, Form{"a "}, Form{"C"}};
    const auto found = friends.prefetch(forms, 1, "name");
    REQUIRE(found.size() == 5);
    CHECK(*found[0] == Strings{"a", "1", "name"});
    REQUIRE(found[1].failed());
    CHECK_THROWS_AS(*found[1], InvalidForm);
    CHECK(found[1].failure().message() == "the form form_test::Lookup is not valid");
    REQUIRE(found[2].failed());
    CHECK_THROWS_AS(*found[2], std::invalid_argument);
    CHECK(*found[3] == Strings{"a", "1", "name"});
    CHECK(*found[4] == Strings{"c", "1", "name"});
    CHECK(runs == 2);
    CHECK(rig.log().trips(testing::Verb::get) == 1);
    CHECK(rig.log().trips() == 2);
    CHECK(rig.log().keys_read().size() == 2);

    CHECK(friends.prefetch({Form{"a"}, Form{"c"}}, 1, "name")[1].found());
    CHECK(runs == 2);
    CHECK(friends.prefetch(std::vector<Form>{}, 1, "name").empty());
    const auto only_invalid = friends.prefetch({Form{""}}, 1, "name");
    CHECK(only_invalid[0].failed());
    CHECK(rig.log().trips() == 3);

    const auto thrown = friends.prefetch({Form{"a"}}, -1, "name");
    REQUIRE(thrown[0].failed());
    CHECK_THROWS_AS(*thrown[0], std::out_of_range);
    CHECK(friends.statistics().load_failures == 1);
}

namespace form_test {

/// An amount that is exact in decimal digits.
class Decimal {
 public:
    Decimal() = default;
    explicit Decimal(std::string digits) : digits_(std::move(digits)) {}
    friend std::string to_cache_key(const Decimal& decimal) {
        const auto& digits = decimal.digits_;
        return digits.substr(0, digits.find_last_not_of('0') + 1);
    }

 private:
    std::string digits_;
};

struct Stay {
    struct Data {
        std::chrono::sys_days arrival;
        std::optional<std::chrono::sys_days> departure;
        Decimal most;
        std::unordered_set<std::string> wishes;
        std::vector<double> near;
    };
    Data data;

    const Data& cleaned_data() const { return data; }
    int rooms() const {
        count_run();
        return static_cast<int>(data.wishes.size());
    }
};

struct Empty {
    struct Data {};
    Data cleaned_data() const { return {}; }
    std::string all() const {
        count_run();
        return "all";
    }
};

struct AnyForm {
    struct Data {
        int id = 0;
    };
    explicit AnyForm(int id_) : id(id_) {}
    virtual ~AnyForm() = default;
    Data cleaned_data() const { return {id}; }
    virtual std::string title() const {
        count_run();
        return "any";
    }
    int id;
};
struct SpecialForm : AnyForm {
    using AnyForm::AnyForm;
    std::string title() const override {
        count_run();
        return "special";
    }
};

/// Throws where it is not asked in the right order.
struct Strict {
    struct Data {
        int id = 0;
    };
    int id = 0;
    bool is_valid() const noexcept { return id > 0; }
    Data cleaned_data() const {
        if (id <= 0) throw std::logic_error{"is_valid() was not asked"};
        return {id};
    }
    int twice() const& noexcept {
        ++runs;
        return id * 2;
    }
};

/// Asks its base whether it is valid, and is itself no base.
struct Checked {
    virtual ~Checked() = default;
    virtual bool is_valid() const = 0;
    bool is_valid(int least) const { return least > 0 && is_valid(); }
};
struct Closed final : Checked {
    struct Data {
        int id = 0;
    };
    explicit Closed(int id_) : id(id_) {}
    bool is_valid() const override { return id > 0; }
    Data cleaned_data() const { return {id}; }
    int number() const { return id; }
    int id;
};
struct Open : Checked {
    struct Data {};
    using Checked::is_valid;
    Data cleaned_data() const { return {}; }
    virtual int number() const = 0;
};
struct Opened : Open {
    explicit Opened(bool valid_) : valid(valid_) {}
    bool is_valid() const override { return valid; }
    int number() const override { return 5; }
    bool valid;
};

/// Its cached method is a member of it, about what is private.
class Search {
 public:
    explicit Search(std::string text) : text_(std::move(text)) {}

    struct Data {
        std::string text;
    };
    Data cleaned_data() const { return {text_}; }

 private:
    std::size_t hits() const {
        count_run();
        return text_.size();
    }
    std::string text_;

 public:
    static inline const CachedFormMethod<&Search::hits> cached_hits{{.cache = "forms"}};
    static const CachedFormMethod<&Search::hits> slow_hits;
};
const CachedFormMethod<&Search::hits> Search::slow_hits{{.name = "slow hits", .cache = "forms"}};

const CachedFormMethod<&Strict::twice> twice{{.expires = 15min, .cache = "forms"}};

}  // namespace form_test

TEST_CASE("dates, decimals and containers in cleaned data are part of the key",
          "[cached_form_method][key]") {
    Rig rig;
    using form_test::Decimal;
    using form_test::Stay;
    const CachedFormMethod<&Stay::rooms> rooms{rig.cache, {.name = "rooms"}};
    using std::chrono::days;
    using std::chrono::sys_days;
    const Stay stay{{.arrival = sys_days{days{20000}},
                     .departure = sys_days{days{20003}},
                     .most = Decimal{"12.500"},
                     .wishes = {"sea"},
                     .near = {0.5, -0.0}}};
    CHECK(rooms.key_for(stay) ==
          "rooms@1/{arrival=@20000d,departure=?@20003d,most=\"12.5\","
          "wishes={\"sea\"},near=[0.5,0]}()");
    CHECK(rooms(stay) == 1);
    auto equal = stay;
    equal.data.most = Decimal{"12.5"};
    CHECK(rooms(equal) == 1);
    CHECK(runs == 1);

    auto later = stay;
    later.data.departure = sys_days{days{20004}};
    CHECK(rooms(later) == 1);
    auto open = stay;
    open.data.departure.reset();
    CHECK(rooms(open) == 1);
    auto dearer = stay;
    dearer.data.most = Decimal{"12.51"};
    CHECK(rooms(dearer) == 1);
    CHECK(runs == 4);

    auto one = stay;
    auto other = stay;
    other.data.wishes.reserve(300);
    for (int i = 0; i < 10; ++i) {
        one.data.wishes.insert(std::to_string(i));
        other.data.wishes.insert(std::to_string(9 - i));
    }
    CHECK(rooms(one) == 11);
    CHECK(rooms(other) == 11);
    CHECK(runs == 5);
}

TEST_CASE("NaN in cleaned data is refused, and the error names the part",
          "[cached_form_method][failure]") {
    Rig rig;
    using form_test::Stay;
    const CachedFormMethod<&Stay::rooms> rooms{rig.cache};
    const Stay stay{{.near = {1, std::numeric_limits<double>::quiet_NaN()}}};
    CHECK_THROWS_AS(rooms(stay), InvalidKey);
    CHECK_THROWS_WITH(rooms(stay), Contains("form_test::Stay::rooms()") &&
                                       Contains("cleaned_data()") && Contains("NaN"));
    CHECK(rooms.prefetch({stay})[0].failed());
    CHECK(rig.log().trips() == 0);
    CHECK(runs == 0);
    CHECK(rooms.bypass(stay) == 0);
}

TEST_CASE("a form without data has one result", "[cached_form_method][key]") {
    Rig rig;
    const CachedFormMethod<&form_test::Empty::all> all{rig.cache};
    CHECK(all({}) == "all");
    CHECK(all({}) == "all");
    CHECK(runs == 1);
    CHECK(all.key_for({}) == "form_test::Empty::all()@1/{}()");
}

TEST_CASE("forms of several classes behind one base do not share results",
          "[cached_form_method][key]") {
    Rig rig;
    using form_test::AnyForm;
    using form_test::SpecialForm;
    const CachedFormMethod<&AnyForm::title> title{rig.cache};
    CHECK(title(SpecialForm{1}) == "special");
    CHECK(title(AnyForm{1}) == "any");
    CHECK(title(SpecialForm{1}) == "special");
    CHECK(runs == 2);
    CHECK(title.key_for(SpecialForm{1}) ==
          "form_test::AnyForm::title()@1/<form_test::SpecialForm>{id=1}()");
}

TEST_CASE("is_valid is asked before cleaned_data", "[cached_form_method][failure]") {
    Rig rig;
    using form_test::Strict;
    const ScopedCaches scope;
    CHECK_THROWS_AS(form_test::twice(Strict{1}), ConfigError);
    caches().configure("forms", rig.cache);
    CHECK_THROWS_AS(form_test::twice(Strict{0}), InvalidForm);
    CHECK_THROWS_AS(form_test::twice.bypass(Strict{-1}), InvalidForm);
    CHECK(form_test::twice(Strict{3}) == 6);
    CHECK(form_test::twice(Strict{3}) == 6);
    CHECK(runs == 1);
    rig.clock.advance(15min);
    CHECK(form_test::twice.peek(Strict{3}).absent());
}

TEST_CASE("is_valid may be inherited, virtual and one of several",
          "[cached_form_method][failure]") {
    Rig rig;
    using form_test::Closed;
    using form_test::Opened;
    const CachedFormMethod<&Closed::number> closed{rig.cache};
    CHECK(closed(Closed{3}) == 3);
    CHECK_THROWS_AS(closed(Closed{0}), InvalidForm);
    const CachedFormMethod<&form_test::Open::number> open{rig.cache};
    CHECK(open(Opened{true}) == 5);
    CHECK_THROWS_AS(open(Opened{false}), InvalidForm);
}

TEST_CASE("a cached method may be a member of its form", "[cached_form_method][declaration]") {
    Rig rig;
    using form_test::Search;
    const ScopedCaches scope;
    caches().configure("forms", rig.cache);
    CHECK(Search::cached_hits(Search{"abc"}) == 3);
    CHECK(Search::cached_hits(Search{"abc"}) == 3);
    CHECK(Search::slow_hits(Search{"abc"}) == 3);
    CHECK(runs == 2);
    CHECK(rig.scripted->keys() == Strings{R"(:1:form_test::Search::hits()@1/{text="abc"}())",
                                          R"(:1:slow%20hits@1/{text="abc"}())"});
}

TEST_CASE("secret cleaned data appear nowhere", "[cached_form_method][secret]") {
    Rig rig;
    const Friends friends{rig.cache, {.name = "friends", .secret_keys = true}};
    const Form form{"hidden-name"};
    during_run = [] { throw std::runtime_error{"not now"}; };
    CHECK_THROWS_WITH(friends(form, 314159, "secret-order"), "not now");
    const std::string key = friends.key_for(form, 314159, "secret-order");
    CHECK(key.starts_with("friends@1/~"));
    CHECK(key.size() == 75);
    CHECK(key == friends.key_for(Form{"Hidden-NAME"}, 314159, "secret-order"));
    CHECK(key != friends.key_for(form, 314158, "secret-order"));
    const auto lookup = friends.peek(form, 314159, "secret-order");
    CHECK(lookup.absent());
    CHECK_THROWS_WITH(*lookup,
                      !Contains("hidden") && !Contains("314159") && !Contains("secret-order"));
}

TEST_CASE("a throwing method of a form stores nothing, and runs again",
          "[cached_form_method][failure]") {
    Rig rig;
    const Friends friends{rig.cache};
    CHECK_THROWS_AS(friends(Form{"a"}, -1, ""), std::out_of_range);
    CHECK_THROWS_AS(friends(Form{"a"}, -1, ""), std::out_of_range);
    CHECK(runs == 2);
    CHECK(rig.entries() == 0);
    CHECK(friends.statistics().load_failures == 2);
    CHECK(friends.statistics().misses() == 2);
}

TEST_CASE("a cached form counts, keeps results out and goes around a dead cache",
          "[cached_form_method][failure]") {
    Rig rig;
    const Found found{rig.cache,
                      {.unless = [](const std::string& text) { return text.starts_with("x"); }}};
    CHECK(found(Form{"x"}) == "x: ada bob");
    CHECK(found(Form{"y"}) == "y: ada bob");
    CHECK(found(Form{"y"}) == "y: ada bob");
    CHECK(found.statistics().kept_out == 1);
    CHECK(found.statistics().stores == 1);
    CHECK(found.statistics().hits == 1);
    CHECK(found.statistics().misses() == 2);
    CHECK(rig.cache.statistics().hits == 1);

    rig.scripted->go_down();
    CHECK(found(Form{"y"}) == "y: ada bob");
    CHECK(found.peek(Form{"y"}).failed());
    CHECK(found.prefetch({Form{"y"}})[0].found());
    CHECK_THROWS_AS(found.invalidate(Form{"y"}), BackendError);
    CHECK(found.statistics().read_failures == 3);
}

TEST_CASE("a form's method that reaches itself computes once without the cache",
          "[cached_form_method][recursion]") {
    Rig rig;
    const Found found{rig.cache};
    during_run = [&] {
        if (runs == 1) CHECK(found(Form{"A"}) == "a: ada bob");
    };
    CHECK(found(Form{"a"}) == "a: ada bob");
    CHECK(runs == 2);
    during_run = [&] { (void)found(Form{"B"}); };
    CHECK_THROWS_AS(found(Form{"b"}), RecursiveLoad);
    CHECK(found.peek(Form{"b"}).absent());
}

namespace form_test {

std::string key_of_local_form() {
    struct Local {
        struct Data {
            int id = 2;
        };
        Data cleaned_data() const { return {}; }
        int id() const { return 2; }
    };
    const CachedFormMethod<&Local::id> id;
    return id.key_for({});
}

}  // namespace form_test

TEST_CASE("a form may be local to a function, but not to a lambda without a name",
          "[cached_form_method][key]") {
    Rig rig;
    CHECK(form_test::key_of_local_form() ==
          "form_test::key_of_local_form()::Local::id()@1/{id=2}()");
    [&] {
        struct Local {
            struct Data {
                int id = 2;
            };
            Data cleaned_data() const { return {}; }
            int id() const { return 2; }
        };
        const CachedFormMethod<&Local::id> nameless{rig.cache};
        CHECK_THROWS_AS(nameless({}), ConfigError);
        const CachedFormMethod<&Local::id> named{rig.cache, {.name = "id", .version = 2}};
        CHECK(named({}) == 2);
        CHECK(named.key_for({}) == "id@2/{id=2}()");
    }();
}
