// cachemodel example: changing what others change too.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>

using namespace cachemodel;
using namespace std::chrono_literals;

// [model]
struct Article {
    static constexpr ModelOptions cache_options{.expires = 1h};

    Key<int> id;
    Field<std::string> title;
    Field<int> likes;
};
// [/model]

int main() {
    CacheModel{Article{.id = 1, .title = "Chess", .likes = 10}}.save();

    // [update]
    const auto liked = CacheModel<Article>::update(1, [](Article& article) {
        *article.likes += 1;  // of what is stored now, whoever stored it
    });
    std::cout << liked.likes << " likes\n";
    // [/update]

    // [leave]
    CacheModel<Article>::update(1, [](Article& article) {
        if (article.likes >= 100) return false;  // nothing is written
        *article.likes = 100;
        return true;
    });
    // [/leave]

    // [unchanged]
    auto mine = CacheModel<Article>::get(1);
    auto yours = CacheModel<Article>::get(1);

    yours.title = "Chess for beginners";
    yours.save_if_unchanged();

    mine.title = "Chess openings";
    try {
        mine.save_if_unchanged();
    } catch (const Conflict& conflict) {
        std::cout << conflict.what() << '\n';
        mine = CacheModel<Article>::get(1);  // look again what it says now, and decide
    }
    std::cout << mine.title << '\n';
    // [/unchanged]

    // [again]
    *mine.likes += 1;
    mine.save_if_unchanged();
    *mine.likes += 1;
    mine.save_if_unchanged();  // it is still the one that this object stored
    // [/again]

    // [create]
    CacheModel second{Article{.id = 2, .title = "Go"}};  // made by hand: nothing was read
    second.save_if_unchanged();                          // stored, as nothing was there
    // [/create]

    // [lookup]
    const Models<Article> articles{caches()["default"]};
    if (auto found = articles.find(2); found.found()) {
        found->title = "Go, the game";
        articles.save_if_unchanged(found);
    }
    std::cout << articles.get(2).title << '\n';
    // [/lookup]
}
