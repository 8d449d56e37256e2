"""Invented names in the many traditions of Greater Manchester. A tradition gives given names and family
names.

The lists are short on purpose: the same name comes up often, as it does in a real caseload, and no
combination is meant for a living person.
"""

from typing import NamedTuple


class Tradition(NamedTuple):
    """share: parts of the population, invented; girls, boys: given names of children; mothers, fathers: of
    parents.
    """

    share: int
    families: tuple[str, ...]
    girls: tuple[str, ...]
    boys: tuple[str, ...]
    mothers: tuple[str, ...]
    fathers: tuple[str, ...]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TRADITIONS = (
    Tradition(
        64,
        _names(
            "Ashworth Barlow Bramley Butterworth Clegg Crompton Duxbury Entwistle Fairclough "
            "Greenhalgh Hargreaves Haslam Heywood Holt Howarth Kershaw Lomax Mather Nuttall Ogden "
            "Pilkington Ramsbottom Rothwell Schofield Shackleton Tattersall Unsworth Whittle "
            "Wolstenholme Yates O'Rourke Gallagher-Finch Byrne Quinlan"
        ),
        _names(
            "Ava Poppy Isla Evie Ruby Lottie Mabel Ivy Elsie Daisy Florence Niamh Orla Wren Harriet "
            "Betsy Maisie Nell"
        ),
        _names(
            "Alfie Jack Harry Oscar Freddie Arlo Theo Jude Reggie Albie Finn Rory Ted Wilf Stanley Ellis Kit"
        ),
        _names(
            "Gemma Laura Kirsty Hayley Rachel Siobhan Becky Natalie Joanne Leanne Chloe Abigail Donna Claire"
        ),
        _names("Craig Lee Danny Gareth Ryan Liam Stuart Anthony Neil Declan Matthew Phil"),
    ),
    Tradition(
        14,
        _names("Hussain Akhtar Mahmood Iqbal Chaudhry Siddiqui Malik Bashir Rafiq Nawaz Qureshi Mirza"),
        _names("Aisha Zara Inaya Maryam Hafsa Anaya Safa Amina Zoya Iqra"),
        _names("Ibrahim Yusuf Zayn Hamza Bilal Musa Rayyan Eesa Haris Ayaan"),
        _names("Shazia Nadia Farah Saima Rukhsana Sana Aneesa Tahira"),
        _names("Imran Tariq Asif Naveed Kashif Zubair Faisal"),
    ),
    Tradition(
        4,
        _names("Begum Miah Uddin Chowdhury Rahman Khatun Alom"),
        _names("Tasnim Nusrat Sumaiya Mahira Ruhi"),
        _names("Rafi Tanvir Nabil Sajid Arif"),
        _names("Shirin Rehana Parvin Nasima"),
        _names("Kamal Jamal Mizan Shahid"),
    ),
    Tradition(
        4,
        _names("Patel Desai Sharma Nair Solanki Reddy Kaur-Gill"),
        _names("Anika Diya Meera Kavya Saanvi"),
        _names("Arjun Rohan Dev Vihaan Kiran"),
        _names("Priya Sunita Hema Nisha"),
        _names("Rajesh Amit Sanjay Vikram"),
    ),
    Tradition(
        5,
        _names("Kowalczyk Zielińska Nowicki Wójcik Lewandowska Dąbrowski Ionescu Popa Horváth"),
        _names("Zuzanna Maja Lena Hania Ioana Réka"),
        _names("Jakub Antoni Filip Szymon Andrei Bence"),
        _names("Agnieszka Katarzyna Magdalena Elena"),
        _names("Piotr Tomasz Marek Mihai"),
    ),
    Tradition(
        5,
        _names("Adeyemi Okafor Mensah Boateng Eze Ncube Tshabalala Kamara Osei-Bonsu"),
        _names("Temi Adaeze Abena Zuri Thandi Chidera"),
        _names("Tobi Kwame Chike Kofi Sipho Emeka"),
        _names("Folake Ngozi Akosua Grace Blessing"),
        _names("Femi Kwabena Emmanuel Tendai"),
    ),
    Tradition(
        3,
        _names("Abdi Warsame Farah Tesfay Haile Osman Al-Hadi Barzani Karim-Saleh"),
        _names("Hodan Ayaan Saba Rojin Lina Salma"),
        _names("Liban Abdullahi Yonas Rebin Omar Adam"),
        _names("Fadumo Selam Shilan Huda"),
        _names("Mohamud Dawit Aram Khalid"),
    ),
    Tradition(
        1,
        _names("Chan Li Wong Nguyen Lau Tran"),
        _names("Mei Jia Hoi-Ching Linh Yan"),
        _names("Wei Jun Ka-Ho Minh Hao"),
        _names("Xiu Wai-Yee Lan Fang"),
        _names("Ming Chi-Keung Hung Tao"),
    ),
)
