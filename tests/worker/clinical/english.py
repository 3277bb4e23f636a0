"""English sentences and what they say, one finding a line: kind | words | sense | attributes.

The sense names only what differs from present, of the patient, current; a family member stands as family:relation.
"""

SENTENCES: dict[str, tuple[str, ...]] = {
    # negation
    "She denies chest pain, shortness of breath, or palpitations.": (
        "symptom | chest pain | absent",
        "symptom | shortness of breath | absent",
        "symptom | palpitations | absent",
    ),
    "No fever, chills or night sweats, but he has a productive cough.": (
        "symptom | fever | absent",
        "symptom | chills | absent",
        "symptom | night sweats | absent",
        "symptom | productive cough |",
    ),
    "Patient reports nausea without vomiting.": ("symptom | nausea |", "symptom | vomiting | absent"),
    "Negative for diarrhea and constipation; positive for heartburn.": (
        "symptom | diarrhea | absent",
        "symptom | constipation | absent",
        "symptom | heartburn |",
    ),
    "There is no evidence of pneumonia or pleural effusion.": (
        "condition | pneumonia | absent",
        "condition | pleural effusion | absent",
    ),
    "He has never had a seizure.": ("symptom | seizure | absent",),
    "Pulmonary embolism was ruled out.": ("condition | Pulmonary embolism | absent",),
    "Denies fever. Reports cough.": ("symptom | fever | absent", "symptom | cough |"),
    "No improvement in her back pain after ibuprofen.": ("symptom | back pain |", "medication | ibuprofen |"),
    "The cough is not going away.": ("symptom | cough |",),
    "Not only headache but also photophobia.": ("symptom | headache |", "symptom | photophobia |"),
    "There has been no change in the rash.": ("symptom | rash |",),
    "He doesn't have diabetes.": ("condition | diabetes | absent",),
    "She is not taking aspirin.": ("medication | aspirin | absent",),
    "Fever: no. Cough: yes.": ("symptom | Fever | absent", "symptom | Cough |"),
    "Denies nausea, vomiting, diarrhea and reports abdominal pain for 2 days.": (
        "symptom | nausea | absent",
        "symptom | vomiting | absent",
        "symptom | diarrhea | absent",
        "symptom | abdominal pain | | duration=2 days duration_days=2",
    ),
    "Denies vomiting, moderate headache for three days.": (
        "symptom | vomiting | absent",
        "symptom | headache | | severity=moderate duration=three days duration_days=3",
    ),
    "No known drug allergies.": ("allergy | No known drug allergies |",),
    "NKDA. Takes lisinopril 10 mg daily.": (
        "allergy | NKDA |",
        "medication | lisinopril | | dose=10 unit=mg frequency=daily",
    ),
    # doubt
    "Possible pneumonia.": ("condition | pneumonia | possible",),
    "Findings are suspicious for deep vein thrombosis.": ("condition | deep vein thrombosis | possible",),
    "Rule out myocardial infarction.": ("condition | myocardial infarction | possible",),
    "This may be gastroenteritis.": ("condition | gastroenteritis | possible",),
    "Migraine is likely.": ("condition | Migraine | possible",),
    "Chest pain, probably costochondritis or anxiety.": (
        "symptom | Chest pain |",
        "condition | costochondritis | possible",
        "condition | anxiety | possible",
    ),
    "I think it's a sinus infection.": ("condition | sinus infection | possible",),
    # what is feared or advised
    "Return if fever or vomiting develops.": ("symptom | fever | hypothetical", "symptom | vomiting | hypothetical"),
    "Call us should you develop chest pain.": ("symptom | chest pain | hypothetical",),
    "Take ibuprofen 400 mg every 6 hours as needed for pain.": (
        "medication | ibuprofen | | dose=400 unit=mg frequency=every 6 hours as needed",
    ),
    "Watch for signs of infection such as redness or swelling.": (
        "condition | infection | hypothetical",
        "symptom | redness | hypothetical",
        "symptom | swelling | hypothetical",
    ),
    # other people
    "Her mother has type 2 diabetes and her sister has asthma.": (
        "condition | type 2 diabetes | family:mother",
        "condition | asthma | family:sister",
    ),
    "Family history of breast cancer.": ("condition | breast cancer | family:family member",),
    "No family history of colon cancer.": ("condition | colon cancer | absent family:family member",),
    "History of breast cancer in her maternal grandmother.": (
        "condition | breast cancer | family:maternal grandmother",
    ),
    "Father had a stroke, moderate headache for three days.": (
        "condition | stroke | family:father",
        "symptom | headache | | severity=moderate duration=three days",
    ),
    "Father died of a heart attack at age 60. Patient denies chest pain.": (
        "condition | heart attack | family:father | onset_age=60",
        "symptom | chest pain | absent",
    ),
    "She lives with her mother and has had a cough for two weeks.": (
        "symptom | cough | | duration=two weeks duration_days=14",
    ),
    "Mother reports that the child has a fever.": ("symptom | fever |",),
    "Brother with epilepsy; the patient has migraines.": (
        "condition | epilepsy | family:brother",
        "condition | migraines |",
    ),
    "His wife has the flu.": ("condition | the flu | other:spouse",),
    # time
    "History of asthma and GERD.": ("condition | asthma | past", "condition | GERD | past"),
    "H/o hypertension, presents with dizziness.": ("condition | hypertension | past", "symptom | dizziness |"),
    "He had a stroke in 2019.": ("condition | stroke | past",),
    "She had pneumonia three years ago.": ("condition | pneumonia | past",),
    "Diagnosed with diabetes 5 years ago.": ("condition | diabetes |",),
    "A 3-day history of sore throat.": ("symptom | sore throat | | duration=3-day duration_days=3",),
    "History of present illness: headache.": ("symptom | headache |",),
    "S/p appendectomy, no surgical complications.": ("procedure | appendectomy | past",),
    "Status post cholecystectomy in 2015.": ("procedure | cholecystectomy | past",),
    "Used to have seizures as a child.": ("symptom | seizures | past",),
    "Wheezing since yesterday.": ("symptom | Wheezing | | duration=since yesterday duration_days=1",),
    "Fever, cough and sore throat for 4 days.": (
        "symptom | Fever | | duration_days=4",
        "symptom | cough | | duration_days=4",
        "symptom | sore throat | | duration_days=4",
    ),
    "For two weeks she has had severe lower back pain.": (
        "symptom | lower back pain | | severity=severe duration=two weeks duration_days=14",
    ),
    # drugs
    "Start amoxicillin 500 mg three times a day for 7 days.": (
        "medication | amoxicillin | planned | dose=500 unit=mg frequency=three times a day duration=7 days",
    ),
    "Continue atorvastatin 40 mg PO at bedtime.": (
        "medication | atorvastatin | | dose=40 unit=mg route=PO frequency=at bedtime status=continued",
    ),
    "Stopped taking naproxen because of heartburn.": (
        "medication | naproxen | past | status=stopped",
        "symptom | heartburn |",
    ),
    "Insulin glargine 20 units at night, metformin 1,000 mg BID.": (
        "medication | Insulin glargine | | dose=20 unit=units frequency=at night",
        "medication | metformin | | dose=1000 unit=mg frequency=BID",
    ),
    "Albuterol inhaler 2 puffs q4h prn for wheezing.": (
        "medication | Albuterol inhaler | | dose=2 unit=puff frequency=q4h prn",
        "symptom | wheezing | hypothetical",
    ),
    "He is on aspirin 81 mg, lisinopril and 40 mg of furosemide.": (
        "medication | aspirin | | dose=81 unit=mg",
        "medication | lisinopril |",
        "medication | furosemide | | dose=40 unit=mg",
    ),
    "Increase Lasix to 80 mg daily.": ("medication | Lasix | | dose=80 unit=mg frequency=daily",),
    "We will start her on prednisone 40 mg daily for five days.": (
        "medication | prednisone | planned | dose=40 frequency=daily duration=five days duration_days=5",
    ),
    "Takes Dr. Smith's advice and 2.5 mg. of warfarin daily.": (
        "medication | warfarin | | dose=2.5 unit=mg frequency=daily",
    ),
    # allergies
    "Allergic to penicillin (hives) and sulfa.": (
        "allergy | penicillin | | reaction=hives",
        "allergy | sulfa |",
    ),
    "Peanut allergy; she is allergic to peanuts and shellfish.": ("allergy | peanuts |", "allergy | shellfish |"),
    "Amoxicillin causes a rash; codeine allergy.": (
        "medication | Amoxicillin |",
        "symptom | rash |",
        "allergy | codeine |",
    ),
    "Not allergic to latex.": ("allergy | latex | absent",),
    "ALLERGIES\n\nDexamethasone causes palpitations.": ("allergy | Dexamethasone | | reaction=palpitations",),
    "He denies numbness or tingling.": ("symptom | numbness | absent", "symptom | tingling | absent"),
    "He has lost about 12 pounds.": ("symptom | lost about 12 pounds |",),
    "Her weight is up 14 pounds.": ("symptom | weight is up 14 pounds |",),
    "A 5-year, 8-month-old with a fever.": ("demographic | 5-year | | value=5 unit=a", "symptom | fever |"),
    "No TIAs. No chest or abdominal pain, no tongue, lip or facial swelling.": (
        "condition | TIAs | absent",
        "symptom | chest | absent",
        "symptom | abdominal pain | absent",
        "symptom | tongue | absent",
        "symptom | lip | absent",
        "symptom | facial swelling | absent",
    ),
    "MRSA cellulitis, a methicillin-resistant strain.": ("condition | MRSA |", "condition | cellulitis |"),
    "She does not drink alcoholic beverages.": ("social | drink alcoholic beverages | absent",),
    "Allergic to penicillin, takes metformin.": ("allergy | penicillin |", "medication | metformin |"),
    # vital signs
    "BP 128/76 mmHg, HR 72 bpm, RR 16, T 98.6 F, SpO2 97% on room air.": (
        "vital | BP 128/76 mmHg | | systolic=128 diastolic=76 unit=mm[Hg]",
        "vital | HR 72 bpm | | value=72 unit=/min",
        "vital | RR 16 | | value=16 unit=/min",
        "vital | T 98.6 F | | value=98.6 unit=[degF]",
        "vital | SpO2 97% | | value=97 unit=%",
    ),
    "Temperature 37.90 C, weight 80 kg, height 5'10\", BMI 25.3.": (
        "vital | Temperature 37.90 C | | value=37.90 unit=Cel",
        "vital | weight 80 kg | | value=80 unit=kg",
        "vital | height 5'10\" | | value=70 unit=[in_i]",
        "vital | BMI 25.3 | | value=25.3 unit=kg/m2",
    ),
    "Your blood pressure was one thirty-eight over eighty-five.": (
        "vital | blood pressure was one thirty-eight over eighty-five | | systolic=138 diastolic=85",
    ),
    # age and gender
    "This is a 67 y/o female with COPD.": (
        "demographic | 67 y/o | | value=67 unit=a",
        "demographic | female | | value=female",
        "condition | COPD |",
    ),
    "34M with sore throat.": (
        "demographic | 34 | | value=34",
        "demographic | M | | value=male",
        "symptom | sore throat |",
    ),
    "Her father, 70 years old, has dementia.": ("condition | dementia | family:father",),
    "A 6-month-old boy with bronchiolitis.": (
        "demographic | 6-month-old | | value=6 unit=mo",
        "demographic | boy | | value=male",
        "condition | bronchiolitis |",
    ),
    "She was diagnosed with epilepsy at age 12.": ("condition | epilepsy |",),
    # the rest
    "Smokes one pack per day, drinks alcohol socially, denies illicit drugs.": (
        "social | Smokes |",
        "social | drinks alcohol |",
        "social | illicit drugs | absent",
    ),
    "MRI of the brain ordered.": ("procedure | MRI | planned",),
    "Pain in the left knee, 7/10.": ("symptom | Pain in the left knee | | laterality=left severity_score=7/10",),
    "Patient has SOB and HTN; TIA in 2018.": ("symptom | SOB |", "condition | HTN |", "condition | TIA | past"),
    "Mild, intermittent cough; worse at night.": ("symptom | cough | | severity=mild",),
}
